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
    """Views of N photos, on the device that the rows are on.

    Attributes:
        photos: (N,) int64, which.
        parts: (N, 4) float32: top, left, height, width, in pixels of the photo.
        reversed_rows, reversed_columns: (N,) bool, how the part lies;
        transposed: (N,) bool, after that. Mirrored, flipped and turned by quarters is always one of these eight.
        order: (N, 4) int64, of the adjustments of colour.
        factors: (N, 4) float32, of these.
        hidden: (N, 4) int64: top, left, height, width, in pixels of the view.
    """

    photos: Tensor
    parts: Tensor
    reversed_rows: Tensor
    reversed_columns: Tensor
    transposed: Tensor
    order: Tensor
    factors: Tensor
    hidden: Tensor


def from_rows(rows: Tensor) -> Rows:
    """What `to_row` made, stacked: (N, 20) float64."""
    photos, parts, laid, order, factors, hidden = torch.split(rows, [1, 4, 3, 4, 4, 4], dim=1)
    mirrored, flipped, turns = laid.long().unbind(dim=1)
    return Rows(
        photos[:, 0].long(),
        parts.float(),
        # A quarter turn to the left is a mirrored view transposed, one to the right a flipped view transposed.
        (flipped == 1) ^ (turns >= 2),
        (mirrored == 1) ^ ((turns == 1) | (turns == 2)),
        turns % 2 == 1,
        order.long(),
        factors.float(),
        hidden.long(),
    )
