"""One sitting at the camera: show what it sees, and on a key keep a picture and say what is on it."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from recyclenet.atomic import replace_file
from recyclenet.errors import RecycleNetError
from recyclenet.webcam.answer import Answer
from recyclenet.webcam.camera import Camera
from recyclenet.webcam.window import Window

_PAUSE_MS = 15  # shorter than a camera's 33 ms between pictures, so that none waits in its queue and grows old
_FIRST_READS = 10  # many cameras need a moment before their first picture

_PLAIN = "#eeeeee"
_KEYS = "space: capture and classify\nEsc: leave"


class Session:
    """Ties a camera, a window and a model together.

    Args:
        camera: where pictures come from.
        window: where they are shown; space captures, Esc leaves.
        answer: what is on a picture.
        save_to: every capture overwrites this file; the ending (.jpg, .png, .webp) decides the format.
        report: told each answer as a line of text.
    """

    def __init__(
        self,
        camera: Camera,
        window: Window,
        answer: Callable[[Image.Image], Answer],
        save_to: Path,
        report: Callable[[str], None],
    ) -> None:
        self._camera = camera
        self._window = window
        self._answer = answer
        self._save_to = save_to
        self._report = report
        self._waiting = False

    def run(self) -> None:
        """Returns when the person leaves.

        Raises:
            RecycleNetError: the camera gives no picture at all, or a capture cannot be written.
        """
        first = next((picture for _ in range(_FIRST_READS) if (picture := self._camera.read()) is not None), None)
        if first is None:
            raise RecycleNetError("the camera gives no pictures: end other programs that use it, or try another one")
        self._picture = first
        self._window.show(first)
        self._window.say(_KEYS, _PLAIN)
        self._window.on_key("space", self.capture)
        self._window.on_key("Escape", self._window.close)
        self._window.every(_PAUSE_MS, self.step)
        self._window.run()

    def step(self) -> None:
        """Reads and shows the next picture; without one the last stays until there are new ones."""
        picture = self._camera.read()
        if picture is None:
            if not self._waiting:
                self._window.say("no new pictures", _PLAIN)
        else:
            self._picture = picture
            self._window.show(picture)
        self._waiting = picture is None

    def capture(self) -> None:
        """Keeps the picture that is shown and answers for it: its pixels, not those of the file, which JPEG changes."""
        with replace_file(self._save_to) as temporary:
            self._picture.save(temporary, quality=95)
        answer = self._answer(self._picture)
        self._window.say(f"{answer}\n{answer.bin.hint}", answer.bin.colour)
        self._report(f"{self._save_to}: {answer}")
