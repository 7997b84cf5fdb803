"""Decoded pictures of every mode as 8-bit RGB; Pillow's own conversion clips deep ones and drops transparency."""

import numpy as np
from PIL import Image

_SAMPLE_FORMAT = 339  # TIFF tag: 1 is unsigned


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB, uint8. Deep grey is scaled, not clipped; transparent parts become white, TrashNet's background.

    Args:
        image: as opened and loaded, since a TIFF's tags say how its numbers are meant.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _to_8_bit(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit or floating-point grey to 8-bit grey, scaled by the smallest range that holds its values."""
    values = np.asarray(image)
    if values.dtype == np.int32 and getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, (2,))[0] == 1:
        values = values.view(np.uint32)  # Pillow has no unsigned mode of 32 bits
    with np.errstate(invalid="ignore"):  # of numbers that are none, which become 0
        levels = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    peak = levels.max(initial=0.0)
    ranges = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0, 2.0**31 - 1)
    full_scale = next((limit for limit in ranges if peak <= limit), 2.0**32 - 1)
    scaled = np.clip(np.rint(levels * (255.0 / full_scale)), 0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        scaled[values == transparent] = 255
    return Image.fromarray(scaled)
