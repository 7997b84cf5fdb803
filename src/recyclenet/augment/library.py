"""albumentations, imported so that it asks no server and loads no torch, and held to what it still knows."""

import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from PIL import Image

from recyclenet.errors import RecycleNetError, first_line

# Read when it is imported: without this it asks a server for its newest version.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

# Photos are shared out to processes; threads inside each of them would fight for the same cores.
cv2.setNumThreads(1)

Transform = Any
"""One of albumentations' transforms or compositions; the library's own types say no more."""


def _load() -> Any:
    """Imports it without its tensor room, which would load torch wherever that is installed: seconds a process."""
    room = "albumentations.pytorch"
    absent = room not in sys.modules
    if absent:
        sys.modules[room] = ModuleType(room)
    try:
        import albumentations
    finally:
        if absent:
            del sys.modules[room]
    return albumentations


albumentations = _load()


@contextmanager
def refuse_outdated() -> Iterator[None]:
    """Makes an error of what albumentations only warns of: arguments it no longer knows are replaced by its defaults.

    Raises:
        RecycleNetError: a transform or an argument is unknown or outdated; the library's words are given.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            yield
        except (UserWarning, ValueError, TypeError, AttributeError) as error:
            raise RecycleNetError(
                f"albumentations {albumentations.__version__} does not take what is asked of it "
                f"({first_line(error)}); install the version of pip install 'recyclenet[augment]'"
            ) from error


def apply(transform: Transform, photo: Image.Image, seed: int) -> Image.Image:
    """A photo (RGB) through a transform; the result (RGB, uint8) depends on nothing but these three.

    Raises:
        Exception: of any kind, where OpenCV cannot work on a photo of this size.
    """
    # Not set_random_seed, nor Compose(seed=…): these give every transform a generator of its own with the same
    # seed, so that all of them draw the same numbers and are applied together or not at all.
    transform.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311 (no secrets here)
    return Image.fromarray(transform(image=np.array(photo))["image"])
