"""Decoded pictures of every mode as 8-bit RGB; Pillow's own conversion clips deep ones and drops transparency."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SAMPLE_FORMAT = 339  # TIFF tag: 1 is unsigned
_BAND_PIXELS = 2**20  # converted at a time: what conversion takes besides the picture itself is bounded by that


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB, uint8. Deep grey is scaled, not clipped; transparent parts become white, TrashNet's background.

    Besides the picture that is given and the one that comes back it takes a few megabytes, whatever the size.

    Args:
        image: as opened and loaded, since a TIFF's tags say how its numbers are meant.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _to_8_bit(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    rgb = Image.new("RGB", image.size)
    rgb.info = {name: value for name, value in image.info.items() if name != "transparency"}  # as conversion does
    for top, band in _bands(image):
        rgba = (band.convert("LA") if band.mode == "La" else band).convert("RGBA")
        rgb.paste(Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB"), (0, top))
    return rgb


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit or floating-point grey to 8-bit grey, scaled by the smallest range that holds its values."""
    # Pillow has no unsigned mode of 32 bits.
    unsigned = getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, (2,))[0] == 1
    peak = max((float(_levels(band, unsigned=unsigned)[1].max()) for _, band in _bands(image)), default=0.0)
    ranges = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0, 2.0**31 - 1)
    full_scale = next((limit for limit in ranges if peak <= limit), 2.0**32 - 1)
    transparent = image.info.get("transparency")
    scaled = np.empty((image.height, image.width), np.uint8)
    for top, band in _bands(image):
        values, levels = _levels(band, unsigned=unsigned)
        rows = scaled[top : top + band.height]
        rows[:] = np.clip(np.rint(levels * (255.0 / full_scale)), 0, 255)
        if isinstance(transparent, int):
            rows[values == transparent] = 255
    return Image.fromarray(scaled)


def _levels(band: Image.Image, *, unsigned: bool) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
    """Numbers as they are and as floats; what is no number, or an endless one, becomes 0."""
    values = np.asarray(band)
    if values.dtype == np.int32 and unsigned:
        values = values.view(np.uint32)
    with np.errstate(invalid="ignore"):
        return values, np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """(top, rows from there on) of the whole picture, from above."""
    rows = max(1, _BAND_PIXELS // max(1, image.width))
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))
