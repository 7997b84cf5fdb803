"""Every transform on one photo, on one sheet: what the copies are made of."""

from pathlib import Path

from PIL import Image, ImageOps

from recyclenet.augment.groups import GROUPS, check_probability, group_steps
from recyclenet.augment.job import augment_photo
from recyclenet.augment.plan import copy_seed
from recyclenet.pictures.contact_sheet import Tile, contact_sheet

_COLOURS = {"basic": "#1565c0", "affine": "#2e7d32", "distort": "#ad1457"}
_SIDE = 400
_COLUMNS = 6


def preview_sheet(photo: Image.Image, probability: str, seed: int, source: Path) -> Image.Image:
    """The photo and each transform of each group applied to it, with how often it is.

    Args:
        photo: RGB, uint8.
        probability: low, mid or high.
        seed: same seed, same sheet.
        source: the photo's file, named in errors.

    Raises:
        RecycleNetError: an unknown probability.
        PhotoError: the photo cannot be augmented.
    """
    p = check_probability(probability)
    tiles = [Tile((_framed(photo),), "photo", f"{photo.width}×{photo.height}")]
    for group in GROUPS:
        for step in group_steps(group, min(photo.size)):
            how_often = f"probability {p}" if len(step) == 1 else f"always one of these {len(step)}"
            for name, transform in step.items():
                picture = augment_photo(transform, photo, copy_seed(seed, "", group, name), group, source)
                tiles.append(Tile((_framed(picture),), name, f"{group}: {how_often}", _COLOURS[group]))
    return contact_sheet(tiles, columns=_COLUMNS)


def _framed(picture: Image.Image) -> Image.Image:
    """On a white square: the sheet's tiles are square, and what changes the shape should be seen to."""
    return ImageOps.pad(picture, (_SIDE, _SIDE), color="white")
