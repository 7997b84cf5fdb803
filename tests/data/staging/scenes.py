"""Made-up photos of TrashNet's kind, with the truth about where the item is."""

import numpy as np
from PIL import Image, ImageFilter


def board_with(item, size=(256, 192), seed=7):
    """A warm white board in uneven light: (photo, truth), truth (h, w) bool.

    A "disc" is saturated, a "rectangle" nearly black; both throw a soft shadow. "nothing": the board alone.
    """
    width, height = size
    y, x = np.mgrid[:height, :width]
    if item == "disc":
        truth, colour = (x - 0.45 * width) ** 2 + (y - 0.5 * height) ** 2 < (0.25 * min(size)) ** 2, (0.15, 0.5, 0.3)
    elif item == "rectangle":
        truth = (abs(x - 0.55 * width) < 0.2 * width) & (abs(y - 0.5 * height) < 0.15 * height)
        colour = (0.2, 0.19, 0.19)
    else:
        truth, colour = np.zeros((height, width), dtype=bool), (0, 0, 0)
    light = 0.86 - 0.12 * ((x / width - 0.6) ** 2 + (y / height - 0.4) ** 2) + 0.04 * x / width
    thrown = Image.fromarray(np.uint8(np.roll(truth, (height // 24, width // 32), (0, 1)) * 255))
    shadow = 1 - 0.12 * np.asarray(thrown.filter(ImageFilter.GaussianBlur(min(size) / 20))) / 255
    pixels = np.where(truth[..., None], colour, (light * shadow)[..., None] * (1, 0.97, 0.92))
    pixels = pixels + np.random.default_rng(seed).normal(0, 0.01, pixels.shape)
    return Image.fromarray(np.uint8(np.rint(np.clip(pixels, 0, 1) * 255))), truth


def one_colour(colour, size, noise=0.0, seed=7):
    """A photo that is nothing but one colour, with a camera's noise."""
    pixels = np.random.default_rng(seed).normal(colour, noise, (size[1], size[0], 3))
    return Image.fromarray(np.uint8(np.clip(pixels, 0, 255)))


def enlarged(values, size):
    """(h, w) float → the photo's size (width, height)."""
    picture = Image.fromarray(np.float32(values)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture)
