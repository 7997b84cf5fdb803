"""The original's sitting at the camera: show what it sees, and on a key keep a picture and say what is on it."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from recyclenet.webcam.answer import Answer
from recyclenet.webcam.capture import Frame
from recyclenet.webcam.keep import save_picture
from recyclenet.webcam.mailbox import Mailbox
from recyclenet.webcam.window import PAUSE_MS, PLAIN, Window

_KEYS = "space: capture and classify\nEsc: leave"


class Session:
    """Ties a camera, a window and a model together.

    Args:
        frames: where pictures come from; the first one is there.
        trouble: why there are no new ones, if so.
        window: where they are shown; space captures, Esc leaves.
        answer: what is on a picture.
        save_to: every capture overwrites this file; the ending (.jpg, .png, .webp) decides the format.
        report: told each answer as a line of text.
    """

    def __init__(
        self,
        frames: Mailbox[Frame],
        trouble: Callable[[], str | None],
        window: Window,
        answer: Callable[[Image.Image], Answer],
        save_to: Path,
        report: Callable[[str], None],
    ) -> None:
        self._frames = frames
        self._trouble = trouble
        self._window = window
        self._answer = answer
        self._save_to = save_to
        self._report = report
        self._said: str | None = None

    def run(self) -> None:
        """Returns when the person leaves.

        Raises:
            RecycleNetError: a capture cannot be written.
        """
        self._window.say(_KEYS, PLAIN)
        self.step()
        self._window.on_key("space", self.capture)
        self._window.on_key("Escape", self._window.close)
        self._window.every(PAUSE_MS, self.step)
        self._window.run()

    def step(self) -> None:
        """Shows the newest picture; without one the last stays until there are new ones."""
        frame = self._frames.poll()
        if frame is not None:
            self._picture = frame.picture
            self._window.show(frame.picture)
        trouble = self._trouble()
        if trouble not in (None, self._said):
            self._window.say(f"{trouble}", PLAIN)
        self._said = trouble

    def capture(self) -> None:
        """Keeps the picture that is shown and answers for it: its pixels, not those of the file, which JPEG changes."""
        save_picture(self._picture, self._save_to)
        answer = self._answer(self._picture)
        self._window.say(f"{answer}\n{answer.bin.hint}", answer.bin.colour)
        self._report(f"{self._save_to}: {answer}")
