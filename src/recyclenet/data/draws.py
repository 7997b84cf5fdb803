"""What chance decides about an augmented view, as numbers: the same whoever makes the view, and of whatever pixels."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from recyclenet.config import Augment

SMALLEST_PART = {"paper": 0.08, "strong": 0.35, "upright": 0.35, "camera": 0.35, "randaugment": 0.35}
"""The least share of a photo's area that a view shows."""

DRAWN_KINDS = ("paper", "strong", "upright")
"""Kinds of views about which nothing else is decided by chance: many can be made at once."""

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
UNCHANGED = (1.0, 1.0, 1.0, 0.0)
"""Factors of the four adjustments that leave colours as they are."""

_ASPECTS = (3 / 4, 4 / 3)
_COLOUR_SHARE = 0.6
_RANGES = ((0.75, 1.25), (0.75, 1.25), (0.75, 1.25), (-0.03, 0.03))
_HIDDEN_SHARE = 0.15
_HIDDEN_AREA = (0.02, 0.15)
_HIDDEN_ASPECTS = (0.3, 3.3)
_TRIES = 10


class Box(NamedTuple):
    """A rectangle in pixels."""

    top: int
    left: int
    height: int
    width: int


NOTHING = Box(0, 0, 0, 0)


@dataclass(frozen=True)
class Draw:
    """One view: what part of the photo, how it lies, in what colours.

    Attributes:
        part: of the photo, resized to the view's square.
        mirrored: left and right exchanged.
        flipped: top and bottom exchanged, after that.
        turns: quarter turns to the left, after that.
        order: of the adjustments BRIGHTNESS, CONTRAST, SATURATION and HUE.
        factors: of these four, in the order of their numbers, as `torchvision.transforms.v2` defines them.
    """

    part: Box
    mirrored: bool
    flipped: bool = False
    turns: int = 0
    order: tuple[int, ...] = (BRIGHTNESS, CONTRAST, SATURATION, HUE)
    factors: tuple[float, ...] = UNCHANGED

    def at_size(self, old: tuple[int, int], new: tuple[int, int]) -> "Draw":
        """The same view of the photo in another size; sizes are (width, height), as Pillow has them."""
        across, down = new[0] / old[0], new[1] / old[1]
        top, left = round(self.part.top * down), round(self.part.left * across)
        bottom, right = (
            round((self.part.top + self.part.height) * down),
            round((self.part.left + self.part.width) * across),
        )
        return replace(self, part=Box(top, left, max(bottom - top, 1), max(right - left, 1)))


def draw_view(augment: Augment, height: int, width: int) -> Draw:
    """A view of a photo of this size, by random numbers from torch's global generator.

    Random numbers are asked for as torchvision's RandomResizedCrop, RandomHorizontalFlip, RandomVerticalFlip and
    ColorJitter ask for them, so that a seed gives the view that it would give there.
    """
    part = _draw_part(height, width, SMALLEST_PART[augment])
    mirrored = _chance(0.5)
    if augment == "paper":
        return Draw(part, mirrored)
    flipped, turns = (False, 0) if augment == "upright" else (_chance(0.5), int(torch.randint(4, ())))
    if augment == "randaugment" or not _chance(_COLOUR_SHARE):
        return Draw(part, mirrored, flipped, turns)
    order = tuple(torch.randperm(4).tolist())
    return Draw(part, mirrored, flipped, turns, order, tuple(_between(low, high) for low, high in _RANGES))


def draw_hidden(augment: Augment, side: int) -> Box:
    """What is hidden of a finished square view, after `draw_view`: mostly nothing. As torchvision's RandomErasing."""
    if augment == "paper" or not _chance(_HIDDEN_SHARE):
        return NOTHING
    for _ in range(_TRIES):
        height, width = _draw_sides(side * side, _HIDDEN_AREA, _HIDDEN_ASPECTS)
        if height < side and width < side:
            return Box(_whole(side - height), _whole(side - width), height, width)
    return NOTHING


def _draw_part(height: int, width: int, smallest: float) -> Box:
    for _ in range(_TRIES):
        wide, tall = _draw_sides(height * width, (smallest, 1.0), _ASPECTS)
        if 0 < wide <= width and 0 < tall <= height:
            return Box(_whole(height - tall), _whole(width - wide), tall, wide)
    # As much of the middle as the range of aspects allows: the photo is a strip.
    narrow, broad = _ASPECTS
    tall, wide = min(height, round(width / narrow)), min(width, round(height * broad))
    return Box((height - tall) // 2, (width - wide) // 2, tall, wide)


def _draw_sides(area: int, share: tuple[float, float], aspects: tuple[float, float]) -> tuple[int, int]:
    """Two sides: the first divided by the second is about the aspect that was drawn."""
    wanted = area * _between(*share)
    low, high = torch.log(torch.tensor(aspects))
    aspect = torch.exp(torch.empty(1).uniform_(low, high)).item()
    return round(math.sqrt(wanted * aspect)), round(math.sqrt(wanted / aspect))


def _between(low: float, high: float) -> float:
    return torch.empty(1).uniform_(low, high).item()


def _whole(most: int) -> int:
    return int(torch.randint(0, most + 1, (1,)))


def _chance(share: float) -> bool:
    return float(torch.rand(1)) < share
