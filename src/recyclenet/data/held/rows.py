"""Drawn views of a batch as rows of numbers: what processes that draw send, and what the device makes views by."""

from typing import NamedTuple

import torch
from torch import Tensor

from recyclenet.data.draws import Box, Draw


def to_row(photo: int, draw: Draw, hidden: Box) -> Tensor:
    """One view as (20,) float64, which holds whole numbers up to 2⁵³ exactly."""
    laid = (draw.mirrored, draw.flipped, draw.turns)
    return torch.tensor([photo, *draw.part, *laid, *draw.order, *draw.factors, *hidden], dtype=torch.float64)


class Rows(NamedTuple):
    """Views of N photos; tensors on the CPU, so that asking them makes no device wait.

    Attributes:
        photos: (N,) int64, which.
        parts: (N, 4) int64: top, left, height, width, in pixels of the photo.
        mirrored, flipped: (N,) bool.
        turns: (N,) int64, quarters to the left.
        order: (N, 4) int64, of the adjustments of colour.
        factors: (N, 4) float32, of these.
        hidden: (N, 4) int64, in pixels of the view.
    """

    photos: Tensor
    parts: Tensor
    mirrored: Tensor
    flipped: Tensor
    turns: Tensor
    order: Tensor
    factors: Tensor
    hidden: Tensor


def from_rows(rows: Tensor) -> Rows:
    """What `to_row` made, stacked: (N, 20) float64."""
    photos, parts, laid, order, factors, hidden = torch.split(rows, [1, 4, 3, 4, 4, 4], dim=1)
    return Rows(
        photos[:, 0].long(),
        parts.long(),
        laid[:, 0].bool(),
        laid[:, 1].bool(),
        laid[:, 2].long(),
        order.long(),
        factors.float(),
        hidden.long(),
    )
