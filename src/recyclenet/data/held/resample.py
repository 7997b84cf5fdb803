"""Resizing parts of many photos at once: two products with matrices that hold Pillow's antialiasing filter."""

import torch
from torch import Tensor

from recyclenet.data.held.rows import Rows


def resample(photos: Tensor, rows: Rows, side: int, interpolation: str) -> Tensor:
    """A part of each photo as a square, as it lies but for being transposed.

    As `PIL.Image.resize` computes it, each pass rounded to whole levels. Pillow has its weights in fixed point, so that
    a pixel may differ by a level, and takes rows before columns where that is less work; here columns come first.

    Args:
        photos: (N, 3, H, W) uint8.
        rows: the views, N of them, on the same device; parts lie inside the photos.
        side: of the squares.
        interpolation: bilinear or bicubic.

    Returns:
        (N, 3, side, side) float32, whole numbers from 0 to 255.
    """
    height, width = photos.shape[2:]
    top, left, tall, wide = rows.parts.unbind(dim=1)
    across = _weights(left, wide, rows.reversed_columns, width, side, interpolation)[:, None].mT
    down = _weights(top, tall, rows.reversed_rows, height, side, interpolation)[:, None]
    narrow = (photos.float() @ across).round_().clamp_(0, 255)
    return (down @ narrow).round_().clamp_(0, 255)


def _weights(start: Tensor, length: Tensor, backwards: Tensor, total: int, side: int, interpolation: str) -> Tensor:
    """(N, side, total) float32: what each pixel of a line of `total` counts for in each pixel of the view."""
    scale = length / side
    # Where the view is smaller the filter becomes wider, and counts every pixel that it stands for.
    stretch = scale.clamp(min=1)[:, None, None]
    places = torch.arange(side, device=start.device)
    places = torch.where(backwards[:, None], side - 1 - places, places)
    pixels = torch.arange(total, device=start.device)
    middles = start[:, None, None] + (places[:, :, None] + 0.5) * scale[:, None, None]
    inside = (pixels >= start[:, None]) & (pixels < (start + length)[:, None])
    distance = ((pixels + 0.5 - middles) / stretch).abs()
    weights = _FILTERS[interpolation](distance) * inside[:, None]
    return weights / weights.sum(dim=2, keepdim=True)


def _bilinear(distance: Tensor) -> Tensor:
    return (1 - distance).clamp_(min=0)


def _bicubic(distance: Tensor) -> Tensor:
    """Keys' cubic convolution with a = −0.5, as in Pillow."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < 2, far, 0.0))


_FILTERS = {"bilinear": _bilinear, "bicubic": _bicubic}
