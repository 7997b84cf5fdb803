"""Augmented views of held photos, as `data.transforms` makes them one by one; on average less than a level apart."""

import torch
from torch import Tensor

from recyclenet.data.held.colour import adjust_colours
from recyclenet.data.held.photos import HeldPhotos
from recyclenet.data.held.resample import resample
from recyclenet.data.held.rows import Rows, from_rows
from recyclenet.preprocess import PreprocessSpec


class BatchViews:
    """Makes views where the photos are, and asks the device for nothing: it need never be waited for.

    Args:
        held: the photos.
        spec: size, interpolation and statistics of a view.
    """

    def __init__(self, held: HeldPhotos, spec: PreprocessSpec) -> None:
        self._held, self._spec = held, spec
        self._mean, self._std = (
            torch.tensor(values, device=held.device)[:, None, None] for values in (spec.mean, spec.std)
        )

    def __call__(self, rows: Tensor) -> Tensor:
        """(N, 3, img_size, img_size) float32, normalised, on the photos' device, by rows (N, 20) on the CPU."""
        drawn, there = from_rows(rows), from_rows(rows.to(self._held.device, non_blocking=True))
        views = self._parts(drawn, there)
        if drawn.transposed.any():
            views = torch.where(there.transposed[:, None, None, None], views.mT, views)
        adjust_colours(views, drawn.order, drawn.factors)
        views.div_(255).sub_(self._mean).div_(self._std)
        if drawn.hidden.any():
            views.masked_fill_(_covered(there.hidden, self._spec.img_size), 0)
        return views

    def _parts(self, drawn: Rows, there: Rows) -> Tensor:
        side = self._spec.img_size
        views = torch.empty(len(drawn.photos), 3, side, side, device=self._held.device)
        for places, photos in self._held.take(drawn.photos, there.photos):
            if places is None:
                return resample(photos, there, side, self._spec.interpolation)
            chosen = Rows(*(numbers[places] for numbers in there))
            views[places] = resample(photos, chosen, side, self._spec.interpolation)
        return views


def _covered(boxes: Tensor, side: int) -> Tensor:
    """(N, 1, side, side) bool: where boxes (N, 4) cover views."""
    top, left, height, width = boxes[:, :, None].unbind(dim=1)
    places = torch.arange(side, device=boxes.device)
    rows = (places >= top) & (places < top + height)
    columns = (places >= left) & (places < left + width)
    return (rows[:, :, None] & columns[:, None, :])[:, None]
