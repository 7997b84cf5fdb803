"""Brightness, contrast, saturation and hue of many views at once, each by a factor of its own.

As Pillow's ImageEnhance and torchvision's adjust_hue define them, on whole levels, which are kept after each step.
"""

import torch
from torch import Tensor

from recyclenet.data.draws import BRIGHTNESS, CONTRAST, HUE, SATURATION, UNCHANGED

_NONE = 4  # which adjustment a view has in a step where it has none


def adjust_colours(views: Tensor, order: Tensor, factors: Tensor) -> Tensor:
    """The four adjustments of each view in its own order; in place.

    Args:
        views: (N, 3, H, W) float32, whole numbers from 0 to 255.
        order: (N, 4) int64 on the CPU, of BRIGHTNESS, CONTRAST, SATURATION and HUE.
        factors: (N, 4) float32 on the CPU, of these four; a view is left alone by one that changes nothing.
    """
    changes = factors != torch.tensor(UNCHANGED)
    if not changes.any():
        return views
    # In each step, views by adjustment: all that the device must know goes there in one piece.
    steps = torch.where(changes.gather(1, order), order, _NONE).T
    counts = [torch.bincount(step, minlength=_NONE + 1).tolist() for step in steps]
    sorted_views = steps.argsort(dim=1)
    amounts = factors[sorted_views]
    packed = torch.cat([sorted_views[:, :, None], amounts], dim=2).to(views.device, non_blocking=True)
    for step, there in zip(counts, packed, strict=True):
        for which, rows in zip(range(_NONE), torch.split(there, step), strict=False):
            if len(rows):
                chosen = rows[:, 0].long()
                adjusted = _ADJUSTMENTS[which](views[chosen], rows[:, 1 + which, None, None, None])
                views[chosen] = adjusted.clamp_(0, 255).floor_()
    return views


def _brightness(views: Tensor, factors: Tensor) -> Tensor:
    return views * factors


def _contrast(views: Tensor, factors: Tensor) -> Tensor:
    middle = (_grey(views).mean(dim=(2, 3), keepdim=True) + 0.5).floor_()
    return torch.lerp(middle, views, factors)


def _saturation(views: Tensor, factors: Tensor) -> Tensor:
    return torch.lerp(_grey(views), views, factors)


def _grey(views: Tensor) -> Tensor:
    """(N, 1, H, W), whole levels: ITU-R 601-2, Pillow's "L"."""
    red, green, blue = views.unbind(dim=1)
    return (0.299 * red + 0.587 * green + 0.114 * blue + 0.5).floor_()[:, None]


def _hue(views: Tensor, factors: Tensor) -> Tensor:
    """Colours turned around the grey axis of the HSV cone.

    Source: the formula without cases in "HSL and HSV", https://en.wikipedia.org/wiki/HSL_and_HSV#HSV_to_RGB_alternative
    """
    value, which = views.max(dim=1, keepdim=True)
    chroma = value - views.amin(dim=1, keepdim=True)
    red, green, blue = views.unbind(dim=1)
    sixths = torch.stack([green - blue, blue - red, red - green], dim=1).gather(1, which)
    sixths = sixths / chroma.clamp(min=1) + 2 * which  # where there is no chroma, any hue will do
    # In steps of 1/255 of a turn, cut towards zero, as torchvision turns the 8-bit hue.
    turned = sixths + 6 / 256 * (255 * factors).trunc()
    shifts = 5 - 2 * torch.arange(3, device=views.device)[:, None, None]  # of red, green and blue
    place = (shifts + turned) % 6
    return (value - chroma * torch.minimum(place, 4 - place).clamp(0, 1)).round()


_ADJUSTMENTS = {BRIGHTNESS: _brightness, CONTRAST: _contrast, SATURATION: _saturation, HUE: _hue}
