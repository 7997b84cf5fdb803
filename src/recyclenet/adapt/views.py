"""A few photos seen in many ways, so that a head learns the material and not the picture: Pillow alone."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageEnhance

from recyclenet.preprocess import PreprocessSpec

VIEWS = 10
"""Of each photo: as it is, mirrored, and the rest by chance."""

SEEN_SIDE = 2.0
"""A photo is decoded with a shorter side of at least this many times the model's input, so that crops stay sharp."""

_SMALLEST_CROP = 0.4  # of the photo's area
_STRETCH = 0.3  # of a crop's sides, in log
_LIGHT = 0.22  # of brightness, contrast and saturation, in log: a quarter up or a fifth down


def views(photo: Image.Image, preprocess: PreprocessSpec, count: int, seed: int) -> Iterator[Image.Image]:
    """RGB squares of `img_size` pixels, the first of them what the model sees when it answers.

    Args:
        photo: upright, RGB.
        preprocess: the model's.
        count: how many, at least 1.
        seed: of crops and colours; same seed, same views.
    """
    rng = np.random.default_rng(seed)
    plain = preprocess.view(photo)
    yield plain
    if count > 1:
        yield plain.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for _ in range(count - 2):
        yield _other_light(_crop(photo, preprocess.img_size, rng), rng)


def _crop(photo: Image.Image, side: int, rng: np.random.Generator) -> Image.Image:
    """A part of the photo, upright or mirrored, as a square."""
    width, height = photo.size
    area = rng.uniform(_SMALLEST_CROP, 1) * width * height
    stretch = np.exp(rng.uniform(-_STRETCH, _STRETCH))
    wide = min(width, max(1, round(float(np.sqrt(area * stretch)))))
    high = min(height, max(1, round(float(np.sqrt(area / stretch)))))
    left, top = (int(rng.integers(0, room + 1)) for room in (width - wide, height - high))
    part = photo.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, left + wide, top + high))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def _other_light(view: Image.Image, rng: np.random.Generator) -> Image.Image:
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        view = change(view).enhance(float(np.exp(rng.uniform(-_LIGHT, _LIGHT))))
    return view
