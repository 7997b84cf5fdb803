"""Resizing parts of many photos at once: two products with matrices that hold Pillow's antialiasing filter."""

import torch
from torch import Tensor


def resample(photos: Tensor, parts: Tensor, side: int, interpolation: str) -> Tensor:
    """A part of each photo as a square.

    As `PIL.Image.resize` computes it, each pass rounded to whole levels. Pillow has its weights in fixed point, so that
    a pixel may differ by a level, and takes rows before columns where that is less work; here columns come first.

    Args:
        photos: (N, 3, H, W) uint8.
        parts: (N, 4), whole numbers: top, left, height, width; inside the photo.
        side: of the squares.
        interpolation: bilinear or bicubic.

    Returns:
        (N, 3, side, side) float32, whole numbers from 0 to 255.
    """
    height, width = photos.shape[2:]
    top, left, tall, wide = parts.to(photos.device, torch.float32, non_blocking=True).unbind(dim=1)
    columns = _weights(left, wide, width, side, interpolation)[:, None].mT
    rows = _weights(top, tall, height, side, interpolation)[:, None]
    narrow = (photos.float() @ columns).round_().clamp_(0, 255)
    return (rows @ narrow).round_().clamp_(0, 255)


def _weights(start: Tensor, length: Tensor, total: int, side: int, interpolation: str) -> Tensor:
    """(N, side, total) float32: what each pixel of a line of `total` counts for in each pixel of the view."""
    scale = length / side
    # Where the view is smaller the filter becomes wider, and counts every pixel that it stands for.
    stretch = scale.clamp(min=1)[:, None, None]
    places = torch.arange(side, device=start.device)
    pixels = torch.arange(total, device=start.device)
    middles = start[:, None, None] + (places[:, None] + 0.5) * scale[:, None, None]
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
