"""Which photos may be copies of which: for each the few most similar, found in blocks of bounded memory.

Every photo is compared with every other, 8 symmetries × 20 windows × 35 numbers a pair, as matrix products: seconds
for TrashNet, about an hour on two cores for 100,000 photos, whose descriptors then take 0.3 GB. Blocks need 50 MB.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recyclenet.data.audit.descriptors import WINDOWS, describe, turned_descriptors

NEIGHBOURS = 10
"""Kept for each photo. A true copy was always among them; in crowds of copies each one still meets others."""

MIN_SIMILARITY = 0.85
"""Cosine below which a pair is not looked at again; 99 % of crops to 80 % are above 0.88."""

_QUERIES = 512
_TARGETS = 2048


class Candidates(NamedTuple):
    """P pairs.

    Attributes:
        copies, originals: (P,) positions of photos.
        symmetries: (P,) in which of SYMMETRIES the copy looks like the original.
        windows: (P,) number in WINDOWS of the part of the original that it looks like.
        similarities: (P,) cosine in [-1, 1].
    """

    copies: NDArray[np.int64]
    originals: NDArray[np.int64]
    symmetries: NDArray[np.int64]
    windows: NDArray[np.int64]
    similarities: NDArray[np.float32]

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Candidates":
        """Some of the pairs."""
        return Candidates(
            self.copies[chosen],
            self.originals[chosen],
            self.symmetries[chosen],
            self.windows[chosen],
            self.similarities[chosen],
        )


def find_candidates(thumbs: NDArray[np.uint8], on_progress: Callable[[int, int], None] | None = None) -> Candidates:
    """(N, side, side) grey pictures, N ≥ 1 → pairs worth a closer look, by the position of the copy.

    A pair can come in both directions: which of two is a crop of the other is not known yet.

    Args:
        thumbs: the pictures.
        on_progress: told (pictures done, pictures in all).
    """
    described = _all_windows(thumbs)
    found = []
    for start in range(0, len(thumbs), _QUERIES):
        found.append(_neighbours(described, start, min(start + _QUERIES, len(thumbs))))
        if on_progress is not None:
            on_progress(min(start + _QUERIES, len(thumbs)), len(thumbs))
    return Candidates(*(np.concatenate(values) for values in zip(*found, strict=True)))


def _all_windows(thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(W, N, 35), in blocks so that no floating-point copy of all pictures is made."""
    blocks = [
        np.stack([describe(thumbs[start : start + _TARGETS].astype(np.float32), window) for window in WINDOWS])
        for start in range(0, len(thumbs), _TARGETS)
    ]
    return np.concatenate(blocks, axis=1)


def _neighbours(described: NDArray[np.float32], start: int, stop: int) -> Candidates:
    """The pairs of one block of copies with all originals."""
    forms = turned_descriptors(described[0, start:stop])
    places = np.full((stop - start, 0), 0, np.int64)
    values = np.zeros((stop - start, 0), np.float32)
    for first in range(0, described.shape[1], _TARGETS):
        targets = described[:, first : first + _TARGETS]
        best = _best(forms, targets)
        own = np.arange(max(start, first), min(stop, first + targets.shape[1]))
        best[own - start, own - first] = -1  # nobody is a copy of itself
        here = np.broadcast_to(np.arange(first, first + targets.shape[1]), best.shape)
        places, values = _top(np.hstack([places, here]), np.hstack([values, best]))
    rows, columns = np.nonzero(values >= MIN_SIMILARITY)
    originals = places[rows, columns]
    # Which window in which form it was: again for these few, which is cheaper than keeping it for all.
    scores = np.einsum("spd,wpd->psw", forms[:, rows], described[:, originals])
    form, window = np.unravel_index(
        scores.reshape(len(rows), math.prod(scores.shape[1:])).argmax(axis=1), scores.shape[1:]
    )
    return Candidates(rows + start, originals, form, window, values[rows, columns])


def _best(forms: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """(8, n, d) and (W, m, d) → (n, m): the best cosine over forms and windows."""
    best = np.full((forms.shape[1], targets.shape[1]), -1, np.float32)
    # All forms in one product: many small ones cost more in waking threads than in numbers.
    rows = forms.reshape(-1, forms.shape[2])
    products = np.empty((len(rows), targets.shape[1]), np.float32)
    for window in targets:
        np.matmul(rows, window.T, out=products)
        np.maximum(best, products.reshape(len(forms), *best.shape).max(axis=0), out=best)
    return best


def _top(places: NDArray[np.int64], values: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    if values.shape[1] <= NEIGHBOURS:
        return places, values
    kept = np.argpartition(-values, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return np.take_along_axis(places, kept, 1), np.take_along_axis(values, kept, 1)
