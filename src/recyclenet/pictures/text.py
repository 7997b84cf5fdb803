"""Lettering with Pillow's own font where it has the letters, so that pictures look the same on most machines."""

import unicodedata
from functools import cache

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_CUT = "…"  # Pillow's own font has this one

# Tried in turn for other text beyond ASCII; systems have one or another of them.
_SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "Arial.ttf", "arial.ttf")


def font(size: int, text: str = "") -> Font:
    """The font for a text at a size in pixels: Pillow's own for ASCII, else a system font if there is one."""
    return _built_in(size) if text.replace(_CUT, "").isascii() else _system(size) or _built_in(size)


def drawable(text: str) -> str:
    """The text on one line, in letters that `font` has: without a system font accents go, other letters become ?."""
    line = " ".join(text.splitlines())
    if line.isascii() or _system(16) is not None:
        return line
    bare = "".join(part for part in unicodedata.normalize("NFKD", line) if not unicodedata.combining(part))
    return bare.encode("ascii", "replace").decode()


@cache
def _built_in(size: int) -> Font:
    return ImageFont.load_default(size)


@cache
def _system(size: int) -> Font | None:
    for name in _SYSTEM_FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return None


def shorten(draw: ImageDraw.ImageDraw, text: str, width: float, size: int) -> str:
    """The text made `drawable`, and cut in its middle if it is wider than `width` pixels."""
    text = drawable(text)
    if draw.textlength(text, font=font(size, text)) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        head = (kept + 1) // 2
        cut = f"{text[:head]}{_CUT}{text[len(text) - (kept - head) :]}"
        if draw.textlength(cut, font=font(size, cut)) <= width:
            return cut
    return _CUT


def ink_on(colour: tuple[int, int, int]) -> str:
    """Black or white, whichever has the higher contrast on a colour (relative luminance as in WCAG 2)."""
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "white"
