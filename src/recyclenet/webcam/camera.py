"""Where live pictures come from: anything that reads like a camera, and the cameras that OpenCV knows."""

import os
from pathlib import Path
from typing import Protocol

from PIL import Image

from recyclenet.errors import RecycleNetError

# OpenCV and its FFmpeg write about a missing camera to standard error on their own, where one clear line is
# promised. FFmpeg's level is read once, when OpenCV first opens or writes a video.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
import cv2

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_DIGITS = 4  # OpenCV takes no number beyond 32 bits, and no machine counts so far


class Camera(Protocol):
    """Gives the latest picture on demand."""

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

    def read(self) -> Image.Image | None:
        """The next picture, RGB, uint8. Waits for a camera's next one; a file is read without a wait."""
        there, frame = self._capture.read()
        return Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)) if there else None

    def close(self) -> None:
        """Lets go of the device."""
        self._capture.release()


def parse_source(text: str) -> int | str:
    """What a person gives as a camera: digits are a camera's number, all else a file or an address.

    Raises:
        RecycleNetError: nothing at all, or a number that no camera has.
    """
    if not text:
        raise RecycleNetError("--camera is empty: expected a camera's number, a video file, or an address with ://")
    if not (text.isascii() and text.isdigit()):
        return text
    number = text.lstrip("0") or "0"
    if len(number) > _DIGITS:
        raise RecycleNetError(f"no camera has the number {number[:20]}: expected one such as 0, of at most 9999")
    return int(number)


def _why_not(source: int | str) -> str:
    if isinstance(source, int):
        return (
            f"no camera {source}: plug one in and end other programs that use it, "
            "or try --camera 1, a video file or an address"
        )
    if "://" in source:
        return f"no pictures from {source}: expected the address of a running stream, such as rtsp://host/stream"
    if not Path(source).exists():
        return f"no camera or video at {source}: expected a camera's number, a video file, or an address with ://"
    return f"{source} is not a video that can be read here: expected MP4, AVI, MKV or the like"
