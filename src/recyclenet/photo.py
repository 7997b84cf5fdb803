"""The one way a photo gets in: any file or bytes, hostile or odd, become an upright RGB picture or a clear error."""

import io
import os
import threading
import warnings
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from recyclenet.errors import PhotoError, first_line
from recyclenet.photo_structure import check_structure, check_tiles
from recyclenet.rgb import to_rgb

MAX_PIXELS = 40_000_000
"""Larger photos are refused before they are decoded: a small file can claim gigabytes."""

MAX_BYTES = 256 * 1024 * 1024
"""Larger files are refused before they are read."""

MAX_ASPECT = 64
"""Narrower strips are refused: resizing their short side to a model's input would make them huge."""

# Only decoders of real photos: Pillow's list also has formats that run other programs (EPS) or fetch parts.
# JPEG stands for MPO too. The common ones come first: any of the others makes Pillow load all its plugins.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "AVIF")

PHOTO_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "webp", "gif", "bmp", "dib", "tif", "tiff"),
        *("avif", "heic", "heif", "ppm", "pgm", "pnm"),
    )
)
"""Endings that count as photos when a folder is searched; a file that is named is tried whatever its ending."""

# ISO base media brands of HEIC and HEIF files.
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def load_photo(
    source: str | os.PathLike[str] | bytes,
    *,
    min_side: int | None = None,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Image.Image:
    """Decodes one photo safely.

    EXIF orientation is applied; CMYK, greyscale, 16-bit, palette and animated (first frame) pictures
    become RGB; transparent parts become white, TrashNet's background.

    Args:
        source: a file's path, or its bytes.
        min_side: if given, large JPEGs may be decoded at 1/2, 1/4 or 1/8 of their size, the shorter side
            never below this many pixels.
        name: how errors call the photo; the path by default.
        max_pixels: a smaller limit than MAX_PIXELS, for who has less memory than photos.

    Returns:
        A fully decoded PIL image, mode RGB, uint8.

    Raises:
        PhotoError: missing, empty, truncated, not a photo, or too large; names the photo and the reason.
    """
    if isinstance(source, bytes):
        data, label = source, name or "photo"
    else:
        label = name or os.fspath(source)
        data = read_photo_file(Path(source), label)
    if not data:
        raise PhotoError(label, "the file is empty")
    check_bytes(len(data), label)
    check_structure(data, label)
    is_heif = _is_heif(data)
    if is_heif:
        _enable_heif(label)
    try:
        with _open(data, (*_FORMATS, "HEIF") if is_heif else _FORMATS) as image:
            return _decode(image, label, min_side, max_pixels)
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(label, f"more than the limit of {MAX_PIXELS / 1e6:.0f} megapixels") from error
    except UnidentifiedImageError as error:
        raise PhotoError(label, "not a photo (expected JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP or TIFF)") from error
    except MemoryError as error:
        raise PhotoError(label, "not enough memory to decode it") from error
    # Decoders meet hostile bytes with errors of every kind (struct, zlib, Syntax, Index, …); whatever it
    # is, the photo is the cause, and the callers' promise is one error type.
    except Exception as error:
        raise PhotoError(label, f"damaged or truncated ({first_line(error)})") from error


# catch_warnings changes the whole process: two threads inside would leave each other's filters behind.
# What is done under the lock is short: `check_structure` has seen to it.
_WARNINGS = threading.Lock()


def _open(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    with _WARNINGS, warnings.catch_warnings():
        # Of a large picture Pillow warns; here it is refused, or small enough.
        warnings.simplefilter("ignore")
        return Image.open(io.BytesIO(data), formats=formats)


def open_header(data: bytes) -> Image.Image:
    """Bytes that `load_photo` accepts, opened but not decoded: for format, mode and notes alone."""
    return _open(data, (*_FORMATS, "HEIF") if _is_heif(data) else _FORMATS)


def read_photo_file(path: Path, label: str) -> bytes:
    """A file's bytes.

    Raises:
        PhotoError: missing, not a regular file, too large or unreadable; `label` is how it is called.
    """
    try:
        if not path.exists():
            raise PhotoError(label, "no such file")
        if not path.is_file():  # a folder, or a pipe or device that might never end
            raise PhotoError(label, "not a regular file")
        check_bytes(path.stat().st_size, label)
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise PhotoError(label, f"cannot be read ({first_line(error)})") from error


def _decode(image: Image.Image, label: str, min_side: int | None, max_pixels: int) -> Image.Image:
    width, height = image.size
    if width * height > (most := min(max_pixels, MAX_PIXELS)):
        limit = f"{most / 1e6:g} megapixels"
        raise PhotoError(label, f"{width}×{height} is more than the limit of {limit}; make it smaller first")
    check_tiles(image, most, label)
    _check_aspect(image.size, label)
    if min_side is not None:
        image.draft(None, (min_side, min_side))  # JPEG only: decode at a fraction of the size and of the cost
    image.load()
    return upright_rgb(image)


def accept_picture(image: Image.Image, label: str = "photo") -> Image.Image:
    """A picture that Pillow has opened, as `load_photo` gives it; how large it may be is its owner's choice.

    Raises:
        PhotoError: damaged, closed, without pixels, or too narrow.
    """
    _check_aspect(image.size, label)
    try:
        image.load()
        return upright_rgb(image)
    except Exception as error:  # of every kind, as in `load_photo`
        raise PhotoError(label, f"damaged or truncated ({first_line(error)})") from error


def _check_aspect(size: tuple[int, int], label: str) -> None:
    if 0 in size:
        raise PhotoError(label, "the picture has no pixels")
    if max(size) > MAX_ASPECT * min(size):
        raise PhotoError(label, f"{size[0]}×{size[1]} is too narrow: at most {MAX_ASPECT} times as long as wide")


def upright_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow image as RGB, uint8, turned as its EXIF orientation says."""
    turn = _orientation(image)
    rgb = to_rgb(image)
    if turn is None:
        return rgb
    turned = rgb.transpose(turn)
    turned.info.clear()  # its EXIF still asks for the turn: whoever got the picture from here would turn it again
    return turned


def _orientation(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a broken EXIF block says nothing about the pixels
        return None


# How to undo each EXIF orientation.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _is_heif(data: bytes) -> bool:
    """Whether the file type box speaks of HEVC pictures and not of AVIF, whose files can carry the same main brand."""
    if data[4:8] != b"ftyp":
        return False
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[start : start + 4] for start in range(16, length, 4))}
    return bool(brands & _HEIF_BRANDS) and not brands & {b"avif", b"avis"}


def _enable_heif(label: str) -> None:
    try:
        from pi_heif import register_heif_opener
    except ImportError as error:
        raise PhotoError(label, "HEIC needs the 'heic' extra: pip install 'recyclenet[heic]'") from error
    register_heif_opener()


def check_bytes(size: int, label: str) -> None:
    """Raises PhotoError if a file of `size` bytes is more than MAX_BYTES; `label` is how it is called."""
    if size > MAX_BYTES:
        raise PhotoError(label, f"{size:,} bytes are more than the limit of {MAX_BYTES / 2**20:.0f} MiB")
