"""Camera and model side by side: each in its own thread, one mailbox between them."""

from collections.abc import Callable

from PIL import Image

from recyclenet.predictor import Prediction
from recyclenet.webcam.camera import Camera
from recyclenet.webcam.capture import Capture, Frame
from recyclenet.webcam.mailbox import Mailbox
from recyclenet.webcam.smoothing import Steady
from recyclenet.webcam.watcher import Change, Seen, Watcher

_PATIENCE = 5.0  # seconds for the answer in hand


class Live:
    """Reads a camera and answers for what it sees.

    Args:
        open_camera: opens it, the first time and again after it was lost.
        name: what messages call it.
        predict: answers for one picture; safe to call from another thread.
        steady: makes one answer of many.
        on_change: told, in the model's thread, each time that the steady answer changes.
        report: told, as a line of text, that the camera was lost and that it is back.
        every_frame: of a recording answer for every picture, as fast as that goes, instead of playing it at its rate.
    """

    def __init__(
        self,
        open_camera: Callable[[], Camera],
        name: str,
        predict: Callable[[Image.Image], Prediction],
        steady: Steady,
        on_change: Callable[[Change], None],
        report: Callable[[str], None],
        *,
        every_frame: bool = False,
    ) -> None:
        self._capture = Capture(open_camera, name, report, every_frame=every_frame)
        self._watcher = Watcher(self._capture.mailbox(), predict, steady, on_change)

    def mailbox(self) -> Mailbox[Frame]:
        """Also gets every picture; to be asked for before `start`."""
        return self._capture.mailbox()

    def start(self) -> None:
        """Begins with the first picture.

        Raises:
            RecycleNetError: there is no camera, or it gives no picture.
        """
        self._capture.start()
        self._watcher.start()

    def check(self) -> None:
        """Raises what went wrong in one of the threads."""
        self._capture.check()
        self._watcher.check()

    def trouble(self) -> str | None:
        """Why there are no new pictures, in words; None while they come."""
        return self._capture.trouble()

    @property
    def seen(self) -> Seen | None:
        """What the model made of the latest picture that it was given; None before the first."""
        return self._watcher.latest

    def answers_per_second(self) -> float:
        """The model's pace at the moment."""
        return self._watcher.rate.per_second()

    def wait(self, seconds: float) -> bool:
        """Whether the last picture of a recording is answered; waits for that as long at most."""
        self._watcher.wait(seconds)
        return self._watcher.is_done

    def close(self) -> None:
        """Ends both threads; what hangs is left to itself."""
        self._capture.close()
        self._watcher.wait(_PATIENCE)
