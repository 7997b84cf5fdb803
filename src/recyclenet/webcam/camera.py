"""Where live pictures come from: anything that reads like a camera, and the cameras that OpenCV knows."""

import os
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from PIL import Image

from recyclenet.errors import RecycleNetError
from recyclenet.photo import PHOTO_SUFFIXES

# OpenCV and its FFmpeg write about a missing camera to standard error on their own, where one clear line is
# promised. FFmpeg's level is read once, when OpenCV first opens or writes a video.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
import cv2

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_DIGITS = 4  # OpenCV takes no number beyond 32 bits, and no machine counts so far
_RATES = (0.1, 240.0)  # pictures a second that a file can mean; some say 0, or their clock's 90,000
_USUAL_RATE = 30.0


class Camera(Protocol):
    """Gives the latest picture on demand.

    `rate` is a recording's pictures a second; None for what is live, which has no end of its own.
    """

    rate: float | None

    def read(self) -> Image.Image | None:
        """The next picture, RGB, uint8, any size; None where there is none (a video's end, a pulled plug)."""

    def close(self) -> None:
        """Lets go of the device. Nothing is read afterwards."""


class OpenCvCamera:
    """A camera of this machine, a video file, or a stream.

    Args:
        source: a camera's number (0 is the first), a video file, or an address (http, rtsp).

    Raises:
        RecycleNetError: it cannot be opened; the message says what to try.
    """

    def __init__(self, source: int | str) -> None:
        self._capture = cv2.VideoCapture(source)
        if not self._capture.isOpened():
            raise RecycleNetError(_why_not(source))
        self.rate = self._rate() if self._is_recording(source) else None

    def read(self) -> Image.Image | None:
        """The next picture, RGB, uint8. Waits for a camera's next one; a file is read without a wait."""
        there, frame = self._capture.read()
        return Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)) if there else None

    def close(self) -> None:
        """Lets go of the device."""
        self._capture.release()

    def _is_recording(self, source: int | str) -> bool:
        """A file, or an address of one: a stream has no number of pictures."""
        if isinstance(source, int):
            return False
        return Path(source).is_file() or ("://" in source and self._capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0)

    def _rate(self) -> float:
        rate: float = self._capture.get(cv2.CAP_PROP_FPS)
        return rate if _RATES[0] <= rate <= _RATES[1] else _USUAL_RATE


def parse_source(text: str) -> int | str:
    """What a person gives as a camera: digits are a camera's number, all else a file or an address.

    Raises:
        RecycleNetError: nothing at all, a photo, or a number that no camera has.
    """
    if not text:
        raise RecycleNetError("no camera is named: expected a camera's number, a video file, or an address with ://")
    if not (text.isascii() and text.isdigit()):
        if Path(text).suffix.lower() in PHOTO_SUFFIXES - {".gif"} and os.path.isfile(text):  # noqa: PTH113
            raise RecycleNetError(f"{text} is a photo, not a video: 'recyclenet predict {text}' answers it")
        return text
    number = text.lstrip("0") or "0"
    if len(number) > _DIGITS:
        raise RecycleNetError(f"no camera has the number {number[:20]}: expected one such as 0, of at most 9999")
    return int(number)


def source_name(source: int | str) -> str:
    """What messages call it: "camera 0", a file's path, or an address without the password that it may hold."""
    if isinstance(source, int):
        return f"camera {source}"
    if "://" not in source:
        return source
    try:
        secret = urlsplit(source).password
    except ValueError:  # no address at all, as opening it will show
        return source
    return source.replace(f":{secret}@", ":…@") if secret else source


def _why_not(source: int | str) -> str:
    name = source_name(source)
    if isinstance(source, int):
        return (
            f"no {name}: plug one in and end other programs that use it, "
            "or name another number (such as 1), a video file or an address"
        )
    if "://" in source:
        return f"no pictures from {name}: expected the address of a running stream, such as rtsp://host/stream"
    if not Path(source).exists():
        return f"no camera or video at {name}: expected a camera's number, a video file, or an address with ://"
    return f"{name} is not a video that can be read here: expected MP4, AVI, MKV or the like"
