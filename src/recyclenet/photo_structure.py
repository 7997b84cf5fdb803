"""What a file consists of, looked at before anything decodes it: a small one can ask for hours of work.

Limits of pixels and bytes do not see that: scans of a progressive JPEG cost a pass over the picture each, in however
few bytes; segments and chunks without content cost time one by one; a TIFF can have tiles larger than itself.
"""

import re

from PIL import Image

from recyclenet.errors import PhotoError

MAX_SCANS = 100
"""Of a JPEG; encoders write about ten (libtiff has the same limit for those in a TIFF)."""

MAX_SEGMENTS = 10_000
"""Of a JPEG. A segment holds up to 64 KiB: descriptions of depth or of colours can take some hundred."""

_BYTES_A_CHUNK = 2048
_FREE_CHUNKS = 1000
"""A PNG may have so many chunks, and one more for each _BYTES_A_CHUNK of the file; encoders write 8 KiB and more."""

_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF tags

# Neither a stuffed byte of a scan nor a restart mark, which stands between two parts of one.
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_END, _SCAN, _SCANS = 0xD9, 0xDA, b"\xff\xda"
_ALONE = (0x01, 0xD8)  # no length follows
_IN_ONE_SCAN = (0xC0, 0xC1, 0xC9)  # pictures that end with a scan of all their components: not the progressive ones

_PNG = b"\x89PNG\r\n\x1a\n"
_TEXT_PIXELS = re.compile(rb"P[123]\s[\s#+\d]")  # and not a text that happens to begin so


def check_structure(data: bytes, label: str) -> None:
    """Refuses a file whose parts would take far longer than its pixels.

    Args:
        data: the whole file, of any format; what is none of those looked at here passes.
        label: how errors call the photo.

    Raises:
        PhotoError: too many scans, segments or chunks; or a picture written out in decimal numbers.
    """
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data, label)
    elif data.startswith(_PNG):
        _check_png(data, label)
    elif _TEXT_PIXELS.match(data):
        raise PhotoError(label, "a PPM whose pixels are written as text; save it as PNG or JPEG")


def check_tiles(image: Image.Image, most: int, label: str) -> None:
    """Refuses an opened TIFF whose single tiles are larger than a photo may be.

    Args:
        image: opened, not loaded; of other formats nothing is asked.
        most: pixels that a photo may have.
        label: how errors call the photo.

    Raises:
        PhotoError: a tile of more pixels.
    """
    tags = getattr(image, "tag_v2", {})
    width, length = (tags.get(tag, 0) for tag in (_TILE_WIDTH, _TILE_LENGTH))
    if isinstance(width, int) and isinstance(length, int) and width * length > most:
        raise PhotoError(label, f"tiles of {width}×{length} are more than the limit of {most / 1e6:g} megapixels")


def _check_jpeg(data: bytes, label: str) -> None:
    """Goes from mark to mark as libjpeg does, up to the end of the first picture."""
    scans, segments, place, wanted = 0, 0, 2, None
    while (found := _MARKER.search(data, place)) is not None and (mark := found[1][0]) != _END:
        place = found.end()
        segments += 1
        if mark in _IN_ONE_SCAN:
            wanted = data[place + 7 : place + 8]  # how many components the picture has
        elif mark == _SCAN:
            scans += 1
            # The rest is pixels, or likely to be; searching all of it for marks would cost a part of decoding it.
            if scans == 1 and (data[place + 2 : place + 3] == wanted or data.count(_SCANS, place) < MAX_SCANS):
                return
        if scans > MAX_SCANS:
            raise PhotoError(label, f"a JPEG of more than {MAX_SCANS} scans")
        if segments > MAX_SEGMENTS:
            raise PhotoError(label, f"a JPEG of more than {MAX_SEGMENTS:,} segments")
        place += 0 if mark in _ALONE else int.from_bytes(data[place : place + 2], "big")


def _check_png(data: bytes, label: str) -> None:
    most = _FREE_CHUNKS + len(data) // _BYTES_A_CHUNK
    chunks, place = 0, len(_PNG)
    while place < len(data):
        chunks += 1
        if chunks > most:
            raise PhotoError(label, f"a PNG of more than {most:,} chunks in {len(data):,} bytes")
        place += 12 + int.from_bytes(data[place : place + 4], "big")  # length, name, content, checksum
