"""The live window: the picture, the steady answer on its bin's colour, and keys."""

import time
from collections.abc import Callable

from recyclenet.pictures.heatmap import heat
from recyclenet.preprocess import PreprocessSpec
from recyclenet.rules import ASK, Rules
from recyclenet.webcam.answer import Answer
from recyclenet.webcam.capture import Frame
from recyclenet.webcam.live import Live
from recyclenet.webcam.mailbox import Mailbox
from recyclenet.webcam.rate import Rate
from recyclenet.webcam.scene import draw_scene
from recyclenet.webcam.window import PAUSE_MS, PLAIN, Window

EMPTY = "hold an item up"
_KEYS = "h: heatmap   space: save   Esc: leave"
_MESSAGE_SECONDS = 4.0
_FIGURES_SECONDS = 0.5  # figures that change faster cannot be read


class LiveSession:
    """Shows frames as they come, and beside them the model's latest answer, however old that is.

    Args:
        live: the camera and the model, started.
        frames: where pictures come from; the session ends when they do.
        window: where it is all shown.
        preprocess: what part of a picture the model looks at.
        rules: which material goes where.
        keep: keeps a frame; with the answer that was shown.
        is_stopped: whether to end, as after Ctrl-C.
        clock: seconds from any start.
    """

    def __init__(
        self,
        live: Live,
        frames: Mailbox[Frame],
        window: Window,
        preprocess: PreprocessSpec,
        rules: Rules,
        keep: Callable[[Frame, Answer | None], None],
        is_stopped: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._live = live
        self._frames = frames
        self._window = window
        self._preprocess = preprocess
        self._rules = rules
        self._keep = keep
        self._is_stopped = is_stopped
        self._clock = clock
        self._frame: Frame | None = None
        self._with_heat = False
        self._pictures = Rate(clock)
        self._said = ("", PLAIN)
        self._noted_at = float("-inf")
        self._message: tuple[str, float] | None = None

    def run(self) -> None:
        """Returns when the person leaves, a recording has ended, or a stop was asked for."""
        self._window.on_key("space", self.save)
        self._window.on_key("h", self.toggle_heat)
        self._window.on_key("Escape", self._window.close)
        self._window.every(PAUSE_MS, self.step)
        self._window.run()

    def step(self) -> None:
        """One look at everything that other threads left since the last."""
        self._live.check()
        if self._is_stopped() or self._frames.is_finished:
            self._window.close()
            return
        headline = self._headline()
        if headline != self._said:
            self._said = headline
            self._window.say(*headline)
        frame = self._frames.poll()
        if frame is not None:
            self._frame = frame
            self._pictures.tick()
            self._show(frame)
        self._note()

    def save(self) -> None:
        """Keeps the frame that is shown."""
        if self._frame is not None:
            seen = self._live.seen
            self._keep(self._frame, None if seen is None else seen.answer)

    def toggle_heat(self) -> None:
        """Shows the evidence for the answer, or no longer; at once, since the next picture may be long in coming."""
        self._with_heat = not self._with_heat
        if self._frame is not None:
            self._show(self._frame)

    def tell(self, message: str) -> None:
        """Shows a message for a few seconds in place of the keys; from any thread."""
        self._message = (message, self._clock() + _MESSAGE_SECONDS)

    def _show(self, frame: Frame) -> None:
        seen, values = self._live.seen, None
        if self._with_heat and seen is not None:
            made = seen.prediction
            label = made.label if seen.answer is None else seen.answer.label
            values = heat(made.evidence, list(made.probs).index(label))
        self._window.show(draw_scene(frame.picture, self._preprocess, self._said[1], values))

    def _headline(self) -> tuple[str, str]:
        """Two lines of text, and the colour below them."""
        seen = self._live.seen
        if (trouble := self._live.trouble()) is not None:
            return trouble, PLAIN
        if seen is None:
            return "a moment", PLAIN
        answer = seen.answer
        if answer is None:
            return EMPTY, PLAIN
        words, target = f"{answer.label}, {100 * answer.prob:.0f} %", answer.bin
        if target == ASK and self._rules.bin_for(answer.label) != ASK:  # the rules know it, the model is in doubt
            return f"not sure: {words}\nshow another side of it, or ask", target.colour
        return f"{words}, bin: {target.name}\n{target.hint}", target.colour

    def _note(self) -> None:
        now = self._clock()
        if now - self._noted_at < _FIGURES_SECONDS:
            return
        self._noted_at = now
        message = self._message
        rest = message[0] if message is not None and now < message[1] else _KEYS
        figures = f"{self._pictures.per_second():.0f} pictures/s, {self._live.answers_per_second():.0f} answers/s"
        self._window.note(f"{figures}   {rest}")
