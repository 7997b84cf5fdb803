"""One photo's file, looked at once: its hash, a small grey picture of it, and what is odd about it."""

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from recyclenet.errors import PhotoError
from recyclenet.photo import load_photo, open_header, read_photo_file

THUMB = 64
"""Side of the grey pictures in which copies are looked for."""

MIN_SIDE = 256
"""Shorter side to which large JPEGs may be decoded here."""

_TINY = 64  # pixels; models see 224
_LONG = 4  # times as long as wide: the centre square that a model sees is a quarter of it at most
_BLANK = 2.5  # grey levels of standard deviation; TrashNet's plainest photo has 6.4
_PNG_DEPTH = 24  # of a PNG's bytes, the one with the bits a channel

_ENDINGS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "MPO": {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"},
    "PNG": {".png"},
    "GIF": {".gif"},
    "BMP": {".bmp", ".dib"},
    "DIB": {".bmp", ".dib"},
    "PPM": {".ppm", ".pgm", ".pnm"},
    "WEBP": {".webp"},
    "TIFF": {".tif", ".tiff"},
    "AVIF": {".avif"},
    "HEIF": {".heic", ".heif"},
}


@dataclass(frozen=True)
class PhotoFile:
    """One file.

    Attributes:
        sha256: of its bytes, in hex; empty when they cannot be read.
        thumb: (THUMB, THUMB) uint8 grey, stretched to a square; None when the photo cannot be decoded.
        error: why it cannot be used, or None.
        oddities: what is unusual about it, in words.
    """

    sha256: str
    thumb: NDArray[np.uint8] | None
    error: str | None
    oddities: tuple[str, ...]


def examine(root: Path, path: str) -> tuple[PhotoFile, Image.Image | None]:
    """Reads and decodes one photo.

    Returns:
        What was found, and the photo (RGB, shorter side MIN_SIDE or more if the file has as many) or None.
    """
    try:
        data = read_photo_file(root / path, path)
    except PhotoError as error:
        return PhotoFile("", None, error.reason, ()), None
    digest = hashlib.sha256(data).hexdigest()
    try:
        photo = load_photo(data, min_side=MIN_SIDE, name=path)
    except PhotoError as error:
        return PhotoFile(digest, None, error.reason, ()), None
    thumb = grey_thumb(photo)
    oddities = header_oddities(data, path)
    if float(thumb.std()) < _BLANK:
        oddities += ("blank: one tone all over",)
    return PhotoFile(digest, thumb, None, oddities), photo


def grey_thumb(photo: Image.Image) -> NDArray[np.uint8]:
    """(THUMB, THUMB) uint8 grey of an RGB photo; a mirrored photo gives the mirrored picture."""
    # Pillow's BOX does not: where sides do not divide evenly, it is open to one side only.
    return np.asarray(photo.convert("L").resize((THUMB, THUMB), Image.Resampling.HAMMING))


def header_oddities(data: bytes, path: str) -> tuple[str, ...]:
    """What a file's header says that is unusual in a collection of photos; for bytes that `load_photo` accepts."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged side information, which does not touch the pixels
            with open_header(data) as image:
                return tuple(_oddities(image, data, PurePosixPath(path).suffix.lower()))
    except Exception:  # the pixels could be read, so that a header too strange to be asked is no reason to stop
        return ("a damaged header",)


def _oddities(image: Image.Image, data: bytes, ending: str) -> Iterator[str]:
    short, long = sorted(image.size)
    if short < _TINY:
        yield f"tiny: {image.width}×{image.height} pixels"
    if long > _LONG * short:
        yield f"very long: {image.width}×{image.height} pixels"
    kind = image.format or ""
    if ending not in _ENDINGS.get(kind, {ending}):
        yield f"{kind} with the ending {ending or '(none)'}"
    # An MPO is a JPEG with further views behind the first, as phones write it.
    if kind != "MPO" and getattr(image, "is_animated", False):
        yield "animated, or several pages: only the first counts"
    if image.mode == "CMYK":
        yield "CMYK, made for print: its colours are a guess"
    if image.mode in ("I", "F") or image.mode.startswith("I;16") or (kind == "PNG" and data[_PNG_DEPTH] > 8):
        yield "more than 8 bits a channel"
    if image.getexif().get(ExifTags.Base.Orientation, 1) not in (0, 1):
        yield "turned by an EXIF note alone: programs that ignore it see it otherwise"
