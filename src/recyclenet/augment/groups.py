"""The original's three groups of transforms, in today's names."""

import math
from collections.abc import Callable
from functools import lru_cache

import cv2

from recyclenet.augment.library import Transform, albumentations, refuse_outdated
from recyclenet.errors import RecycleNetError

PROBABILITIES = {"low": 0.1, "mid": 0.3, "high": 0.5}
"""How often a step that stands alone is applied; of steps with several transforms one is applied always."""

CROP = 224
_SIZED_CROP = (256, 384)

Step = dict[str, Transform]
"""Transforms by name, each with p=1. One: applied with the group's probability. Several: one of them, always."""

# What was the default when the original was written; today's, black, would teach a model black corners.
_BORDER = cv2.BORDER_REFLECT_101

# The Gaussian that falls to one half at a distance of one pixel.
_SIGMA_3 = (2 * math.log(2)) ** -0.5


def _basic(shorter_side: int) -> list[Step]:
    def crop(transform: Transform) -> Transform:
        """Smaller photos are enlarged first, and only as far as the crop needs."""
        if shorter_side >= CROP:
            return transform
        return albumentations.Sequential([albumentations.SmallestMaxSize(CROP, p=1), transform], p=1)

    # Taller crops than the photo is high would be cut to what there is, and squashed.
    low, high = (min(limit, max(shorter_side, CROP)) for limit in _SIZED_CROP)
    change = albumentations.RandomBrightnessContrast
    return [
        {
            "random crop": crop(albumentations.RandomCrop(CROP, CROP, p=1)),
            "centre crop": crop(albumentations.CenterCrop(CROP, CROP, p=1)),
            "random sized crop": crop(albumentations.RandomSizedCrop((low, high), size=(CROP, CROP), p=1)),
        },
        {"brightness": change(brightness_limit=0.2, contrast_limit=0, p=1)},
        {"contrast": change(brightness_limit=0, contrast_limit=0.2, p=1)},
    ]


def _affine(_shorter_side: int) -> list[Step]:
    def flips() -> dict[str, Transform]:
        return {
            "horizontal flip": albumentations.HorizontalFlip(p=1),
            "vertical flip": albumentations.VerticalFlip(p=1),
        }

    both = albumentations.Sequential(list(flips().values()), p=1)
    return [
        {"transpose": albumentations.Transpose(p=1)},
        {
            "rotate by 90°": albumentations.RandomRotate90(p=1),
            "rotate": albumentations.Rotate(limit=90, border_mode=_BORDER, p=1),
            "shift, scale, rotate": albumentations.Affine(
                translate_percent=(-0.0625, 0.0625),
                scale=(0.9, 1.1),
                rotate=(-45, 45),
                keep_ratio=True,
                border_mode=_BORDER,
                p=1,
            ),
        },
        {**flips(), "either flip": albumentations.OneOf([*flips().values(), both], p=1)},
    ]


def _distort(_shorter_side: int) -> list[Step]:
    kernel = (3, 3)
    return [
        {
            "blur": albumentations.Blur(blur_limit=kernel, p=1),
            "motion blur": albumentations.MotionBlur(blur_limit=kernel, p=1),
            "median blur": albumentations.MedianBlur(blur_limit=kernel, p=1),
            # OpenCV's own kernel of 3 is (1, 2, 1) / 4, which was used then; today's sigma would be drawn, up to 3.
            "Gaussian blur": albumentations.GaussianBlur(blur_limit=kernel, sigma_limit=(_SIGMA_3, _SIGMA_3), p=1),
        },
        {
            "gamma": albumentations.RandomGamma(gamma_limit=(80, 120), p=1),
            "optical distortion": albumentations.OpticalDistortion(distort_limit=0.05, border_mode=_BORDER, p=1),
            # The defaults (alpha 1, sigma 50) move nothing by more than a tenth of a pixel: the original's effect
            # came from a random affine part, which is no more. These move by about six pixels.
            "elastic": albumentations.ElasticTransform(alpha=1000, sigma=30, border_mode=_BORDER, p=1),
            "hue, saturation, value": albumentations.HueSaturationValue(p=1),
            "RGB shift": albumentations.RGBShift(p=1),
            "channel shuffle": albumentations.ChannelShuffle(p=1),
            "CLAHE": albumentations.CLAHE(p=1),
            "invert": albumentations.InvertImg(p=1),
        },
        # Variance 10 to 50 on a scale of 255, as fractions of it.
        {"Gaussian noise": albumentations.GaussNoise(std_range=(10**0.5 / 255, 50**0.5 / 255), p=1)},
        {"shadow": albumentations.RandomShadow(p=1)},
    ]


_STEPS: dict[str, Callable[[int], list[Step]]] = {"basic": _basic, "affine": _affine, "distort": _distort}

GROUPS = tuple(_STEPS)
"""Each makes a picture of its own of a photo."""


def group_steps(group: str, shorter_side: int) -> list[Step]:
    """The steps of a group for photos whose shorter side has so many pixels, in the order in which they are applied.

    Raises:
        RecycleNetError: the installed albumentations does not know them.
    """
    with refuse_outdated():
        return _STEPS[group](shorter_side)


def pipeline(group: str, probability: str, shorter_side: int) -> Transform:
    """A group as one transform, for `library.apply`.

    The basic group's pictures have 224×224 pixels, whatever the photo's size; the others keep the size, the
    affine group's perhaps with width and height changed over.

    Args:
        group: one of GROUPS.
        probability: a key of PROBABILITIES.
        shorter_side: of the photo, in pixels.

    Raises:
        RecycleNetError: the installed albumentations does not know the transforms.
    """
    # Beyond the largest crop the size makes no difference, so that most photos share one pipeline.
    return _pipeline(group, check_probability(probability), min(shorter_side, _SIZED_CROP[1]))


@lru_cache(maxsize=64)
def _pipeline(group: str, p: float, shorter_side: int) -> Transform:
    steps = group_steps(group, shorter_side)
    with refuse_outdated():
        return albumentations.Compose(
            [albumentations.OneOf(list(step.values()), p=p if len(step) == 1 else 1) for step in steps], strict=True
        )


def check_probability(name: str) -> float:
    """The number behind low, mid or high.

    Raises:
        RecycleNetError: another name.
    """
    if name not in PROBABILITIES:
        known = ", ".join(f"{key} ({p})" for key, p in PROBABILITIES.items())
        raise RecycleNetError(f"--probability must be one of {known}, not {name!r}")
    return PROBABILITIES[name]
