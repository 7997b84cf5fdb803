"""Augmented views of held photos, as `data.transforms` makes them one by one: the same within a level or two."""

import torch
from torch import Tensor

from recyclenet.data.held.colour import adjust_colours
from recyclenet.data.held.photos import HeldPhotos
from recyclenet.data.held.resample import resample
from recyclenet.data.held.rows import Rows
from recyclenet.preprocess import PreprocessSpec


def make_views(held: HeldPhotos, rows: Rows, spec: PreprocessSpec) -> Tensor:
    """(N, 3, img_size, img_size) float32, normalised, on the photos' device.

    Args:
        held: the photos.
        rows: the views that were drawn, N of them.
        spec: size, interpolation and statistics of a view.
    """
    side = spec.img_size
    views = torch.empty(len(rows.photos), 3, side, side, device=held.device)
    for places, photos in held.take(rows.photos):
        views[places.to(held.device)] = resample(photos, rows.parts[places], side, spec.interpolation)
    _lay(views, rows)
    adjust_colours(views, rows.order, rows.factors)
    mean, std = (torch.tensor(values, device=held.device)[:, None, None] for values in (spec.mean, spec.std))
    views.div_(255).sub_(mean).div_(std)
    return views.masked_fill_(_hidden(rows.hidden.to(held.device), side), 0)


def _lay(views: Tensor, rows: Rows) -> None:
    """Mirrors, flips and turns each view as was drawn, in place."""
    for chosen, dims in ((rows.mirrored, (3,)), (rows.flipped, (2,))):
        there = chosen.nonzero()[:, 0].to(views.device)
        views[there] = views[there].flip(dims)
    for turns in (1, 2, 3):
        there = (rows.turns == turns).nonzero()[:, 0].to(views.device)
        views[there] = views[there].rot90(turns, (2, 3))


def _hidden(boxes: Tensor, side: int) -> Tensor:
    """(N, 1, side, side) bool: where boxes (N, 4) cover views."""
    top, left, height, width = boxes[:, :, None].unbind(dim=1)
    places = torch.arange(side, device=boxes.device)
    rows = (places >= top) & (places < top + height)
    columns = (places >= left) & (places < left + width)
    return (rows[:, :, None] & columns[:, None, :])[:, None]
