"""The model's own thread: the newest frame, its answer, and the steady answer over frames."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import Image

from recyclenet.predictor import Prediction
from recyclenet.webcam.answer import Answer
from recyclenet.webcam.background import Background
from recyclenet.webcam.capture import Frame
from recyclenet.webcam.emptiness import emptiness
from recyclenet.webcam.mailbox import Mailbox
from recyclenet.webcam.rate import Rate
from recyclenet.webcam.smoothing import Steady


@dataclass(frozen=True)
class Seen:
    """What the model made of a frame by itself, and the steady answer after it (None: nothing to answer for)."""

    frame: Frame
    prediction: Prediction
    answer: Answer | None


@dataclass(frozen=True)
class Change:
    """The steady answer became another one; `answer` is None when there is nothing to answer for any more."""

    at: datetime
    seconds: float
    frame: int
    answer: Answer | None

    def to_table(self) -> dict[str, Any]:
        """The JSON object of `recyclenet webcam --headless`; what is not there is null."""
        answer = self.answer
        return {
            "time": self.at.isoformat(timespec="milliseconds"),
            "seconds": round(self.seconds, 3),
            "frame": self.frame,
            "label": None if answer is None else answer.label,
            "prob": None if answer is None else round(answer.prob, 4),
            "bin": None if answer is None else answer.bin.name,
            "colour": None if answer is None else answer.bin.colour,
        }


class Watcher:
    """Answers for frames as they come, in a thread.

    Args:
        frames: where they come from; its end is the end of the work.
        predict: answers for one picture.
        steady: makes one answer of many.
        on_change: told, in this thread, each time that class or bin of the steady answer changes.
    """

    def __init__(
        self,
        frames: Mailbox[Frame],
        predict: Callable[[Image.Image], Prediction],
        steady: Steady,
        on_change: Callable[[Change], None],
    ) -> None:
        self._frames = frames
        self._predict = predict
        self._steady = steady
        self._on_change = on_change
        self._thread = Background("model", self._run)
        self.rate = Rate()
        self.latest: Seen | None = None

    def start(self) -> None:
        """Begins; once."""
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether there are no more frames to come."""
        return self._thread.is_done

    def check(self) -> None:
        """Raises what went wrong in the thread."""
        self._thread.check()

    def wait(self, seconds: float) -> None:
        """Returns when the last frame is answered, or the time is over."""
        self._thread.wait(seconds)

    def _run(self) -> None:
        before: Answer | None = None
        while (frame := self._frames.take()) is not None:
            made = self._predict(frame.picture)
            answer = self._steady.update(frame.seconds, list(made.probs.values()), emptiness(made))
            self.latest = Seen(frame, made, answer)
            self.rate.tick()
            if _choice(answer) != _choice(before):
                self._on_change(Change(frame.at, frame.seconds, frame.number, answer))
            before = answer


def _choice(answer: Answer | None) -> tuple[str, str] | None:
    return None if answer is None else (answer.label, answer.bin.name)
