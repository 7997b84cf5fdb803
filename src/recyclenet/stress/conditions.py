"""What can happen to a photo: each condition turns an RGB photo into another."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from recyclenet.data.staging.board import find_item
from recyclenet.data.staging.restage import on_surface
from recyclenet.data.staging.surfaces import KINDS, plain

Change = Callable[[Image.Image, np.random.Generator], Image.Image | None]
"""Photo and where chance comes from → the changed photo, or None where the change cannot be made."""


@dataclass(frozen=True)
class Condition:
    """One line of the table: `name` for programs, `meaning` for people."""

    name: str
    meaning: str
    change: Change


def _black(photo: Image.Image, _rng: np.random.Generator) -> Image.Image | None:
    return _laid_on(photo, np.full((photo.height, photo.width, 3), 0.04, dtype=np.float32))


def _coloured(photo: Image.Image, rng: np.random.Generator) -> Image.Image | None:
    colour = np.array(_saturated(rng.random()), dtype=np.float32)
    return _laid_on(photo, np.broadcast_to(colour, (photo.height, photo.width, 3)))


def _textured(photo: Image.Image, rng: np.random.Generator) -> Image.Image | None:
    kinds = [kind for kind in KINDS if kind is not plain]
    surface = kinds[rng.integers(len(kinds))](rng, photo.height, photo.width)
    return _laid_on(photo, np.clip(surface, 0, 1))


def _laid_on(photo: Image.Image, surface: np.ndarray) -> Image.Image | None:
    item = find_item(photo)
    return on_surface(photo, item, surface) if item.is_clear else None


def _saturated(hue: float) -> list[float]:
    """A strong colour of this hue, in [0, 1]."""
    return [0.15 + 0.65 * min(max(abs((hue * 6 + shift) % 6 - 3) - 1, 0), 1) for shift in (0, 4, 2)]


def _blur(share: float) -> Change:
    """Out of focus: a Gaussian whose standard deviation is this share of the shorter side."""
    return lambda photo, _rng: photo.filter(ImageFilter.GaussianBlur(share * min(photo.size)))


def _turn(degrees: float) -> Change:
    """The camera turned: the photo's middle, so that no corner is empty."""

    def change(photo: Image.Image, _rng: np.random.Generator) -> Image.Image:
        turned = photo.rotate(degrees, Image.Resampling.BICUBIC)
        angle = np.deg2rad(degrees % 90)
        share = 1 / (np.cos(angle) + np.sin(angle) * max(photo.size) / min(photo.size))
        # A pixel less on each side: at the very edge the interpolation already sees what is not there.
        width, height = (max(int(side * share) - 2, 1) for side in photo.size)
        left, top = (photo.width - width) // 2, (photo.height - height) // 2
        return turned.crop((left, top, left + width, top + height)).resize(photo.size, Image.Resampling.BICUBIC)

    return change


def _exposure(stops: float) -> Change:
    """Light times 2^stops, in linear light (sRGB taken as a power of 2.2)."""
    table = [min(round(255 * (2**stops * (value / 255) ** 2.2) ** (1 / 2.2)), 255) for value in range(256)]
    return lambda photo, _rng: photo.point(table * 3)


def _tint(red: float, blue: float) -> Change:
    """Another lamp: red and blue times these, in the photo's own values."""
    table = [min(round(value * gain), 255) for gain in (red, 1.0, blue) for value in range(256)]
    return lambda photo, _rng: photo.point(table)


def _jpeg(quality: int) -> Change:
    def change(photo: Image.Image, _rng: np.random.Generator) -> Image.Image:
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=quality)
        with Image.open(buffer) as compressed:
            return compressed.convert("RGB")

    return change


CONDITIONS = (
    Condition("black", "item on black", _black),
    Condition("coloured", "item on a strong colour", _coloured),
    Condition("textured", "item on a made-up surface", _textured),
    Condition("blur-1", "blur, 1 % of the shorter side", _blur(0.01)),
    Condition("blur-2", "blur, 2 % of the shorter side", _blur(0.02)),
    Condition("turn-30", "turned by 30°, the middle", _turn(30)),
    Condition("turn-90", "turned by 90°", lambda photo, _rng: photo.transpose(Image.Transpose.ROTATE_90)),
    Condition("dark", "exposure −2 stops", _exposure(-2)),
    Condition("bright", "exposure +1 stop", _exposure(1)),
    Condition("warm", "red × 1.3, blue × 0.7", _tint(1.3, 0.7)),
    Condition("jpeg-20", "JPEG of quality 20", _jpeg(20)),
    Condition("jpeg-5", "JPEG of quality 5", _jpeg(5)),
)
