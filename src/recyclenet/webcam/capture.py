"""The camera's own thread: it reads as fast as there are pictures and never waits for who looks at them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, repeat

from PIL import Image

from recyclenet.errors import RecycleNetError
from recyclenet.webcam.background import Background
from recyclenet.webcam.camera import Camera
from recyclenet.webcam.mailbox import Mailbox

_READS = 10  # many cameras need a moment before their first picture, and stumble now and then
_RETRIES = (0.5, 1.0, 2.0, 4.0)  # seconds before each; then every _LAST_RETRY
_LAST_RETRY = 8.0
_SILENCE = 2.0  # seconds without a picture that a person should hear of
_PATIENCE = 3.0  # seconds for a picture; drivers that find none may take longer to say so, each time


@dataclass(frozen=True)
class Frame:
    """One picture of a camera.

    Attributes:
        picture: RGB, uint8, any size.
        number: from 1.
        seconds: since the first picture; in a recording, its place there.
        at: when it was read.
    """

    picture: Image.Image
    number: int
    seconds: float
    at: datetime


class Capture:
    """Reads a camera in a thread and lays each picture into mailboxes; a camera that is lost is opened again.

    A recording is played at its own rate, as a camera would have shown it, or, with `every_frame`, as fast as its
    pictures are taken, none left out. It ends; a camera is tried again until `close`.

    Args:
        open_camera: opens it, the first time and again.
        name: what messages call it.
        report: told, as a line of text, that the camera was lost and that it is back.
        every_frame: see above; a live camera is not changed by it.
        clock: seconds from any start.
        wait: waits for so many seconds and says whether the capture is to stop.
    """

    def __init__(
        self,
        open_camera: Callable[[], Camera],
        name: str,
        report: Callable[[str], None],
        *,
        every_frame: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._open_camera = open_camera
        self._name = name
        self._report = report
        self._every_frame = every_frame
        self._clock = clock
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._boxes: list[Mailbox[Frame]] = []
        self._number = 0
        self._is_live = True
        self._is_lost = False
        self._thread = Background("capture", self._run)

    def mailbox(self) -> Mailbox[Frame]:
        """A new box that gets every picture; to be asked for before `start`."""
        box: Mailbox[Frame] = Mailbox()
        self._boxes.append(box)
        return box

    def start(self) -> None:
        """Opens the camera, waits for its first picture, and goes on in the thread.

        Raises:
            RecycleNetError: there is no camera, or it gives no picture.
        """
        self._opened = self._open()
        self._is_live = self._opened[0].rate is None
        self._started = self._last = self._clock()
        self._thread.start()

    def trouble(self) -> str | None:
        """Why there are no new pictures, in words; None while they come, and always for a recording."""
        if not self._is_live:
            return None
        if self._is_lost:
            return "the camera is gone: trying again"
        return "no new pictures" if self._clock() - self._last > _SILENCE else None

    def check(self) -> None:
        """Raises what went wrong in the thread."""
        self._thread.check()

    def close(self) -> None:
        """Closes the mailboxes and lets go of the camera; a driver that hangs is left to itself."""
        self._stop.set()
        for box in self._boxes:
            box.close()
        self._thread.wait(_PATIENCE)

    def _open(self) -> tuple[Camera, Image.Image]:
        camera = self._open_camera()
        picture = self._next_picture(camera)
        if picture is None:
            camera.close()
            raise RecycleNetError(
                f"{self._name} gives no pictures: end other programs that use it, or try another camera or video"
            )
        return camera, picture

    def _run(self) -> None:
        opened: tuple[Camera, Image.Image] | None = self._opened
        try:
            while opened is not None:
                camera, picture = opened
                try:
                    self._read(camera, picture)
                finally:
                    camera.close()
                opened = self._reopen() if camera.rate is None and not self._stop.is_set() else None
        finally:
            for box in self._boxes:
                box.close()

    def _read(self, camera: Camera, first: Image.Image) -> None:
        """Until there are no more pictures."""
        picture: Image.Image | None = first
        while picture is not None and not self._stop.is_set():
            self._number += 1
            now = self._last = self._clock()
            seconds = now - self._started if camera.rate is None else (self._number - 1) / camera.rate
            frame = Frame(picture, self._number, seconds, datetime.now(UTC))
            for box in self._boxes:
                if self._every_frame and camera.rate is not None:
                    box.hand_over(frame)
                else:
                    box.put(frame)
            picture = self._next_picture(camera)
            if camera.rate is not None and not self._every_frame:
                self._wait(max(0.0, self._started + self._number / camera.rate - self._clock()))

    def _reopen(self) -> tuple[Camera, Image.Image] | None:
        """The camera when it is back; None when there is no more need."""
        self._is_lost = True
        self._report(f"{self._name} gives no more pictures: trying again until it is back")
        for seconds in chain(_RETRIES, repeat(_LAST_RETRY)):
            if self._wait(seconds):
                break
            try:
                opened = self._open()
            except RecycleNetError:
                continue
            self._report(f"{self._name} is back")
            self._is_lost = False
            return opened
        return None

    def _next_picture(self, camera: Camera) -> Image.Image | None:
        begun = self._clock()
        for _ in range(_READS):
            picture = camera.read()
            # A recording has no second try: without a picture it has ended.
            if picture is not None or camera.rate is not None or self._stop.is_set():
                return picture
            if self._clock() - begun > _PATIENCE:
                break
        return None
