"""Which photos may be copies of which: for each the few most similar, found in blocks of bounded memory.

Up to EXHAUSTIVE photos every one is compared with every other, 8 symmetries × 20 windows × 35 numbers a pair, as matrix
products: seconds for TrashNet. Of more, each is compared with what lies in the nearest cells (`cells`): time grows with
the power 1.5 of the photos instead of their square. Descriptors take 2.8 kB a photo, blocks 50 MB.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recyclenet.data.audit.cells import Cells, Matches
from recyclenet.data.audit.descriptors import WINDOWS, describe, turned_descriptors

NEIGHBOURS = 10
"""Kept for each photo. A true copy was always among them; in crowds of copies each one still meets others."""

MIN_SIMILARITY = 0.85
"""Cosine below which a pair is not looked at again; 99 % of crops to 80 % are above 0.88."""

EXHAUSTIVE = 5000
"""Photos up to which all are compared with all."""

_QUERIES = 512
_TARGETS = 2048
_CELL_QUERIES = 2048


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
    cells = Cells(described) if len(thumbs) > EXHAUSTIVE else None
    queries = _QUERIES if cells is None else _CELL_QUERIES
    found = []
    for start in range(0, len(thumbs), queries):
        stop = min(start + queries, len(thumbs))
        forms = turned_descriptors(described[0, start:stop])
        near = _among_all(forms, described, start) if cells is None else _in_cells(forms, cells, start)
        found.append(_explained(forms, described, start, near))
        if on_progress is not None:
            on_progress(stop, len(thumbs))
    return Candidates(*(np.concatenate(values) for values in zip(*found, strict=True)))


def _all_windows(thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(W, N, 35), in blocks so that no floating-point copy of all pictures is made."""
    blocks = [
        np.stack([describe(thumbs[start : start + _TARGETS].astype(np.float32), window) for window in WINDOWS])
        for start in range(0, len(thumbs), _TARGETS)
    ]
    return np.concatenate(blocks, axis=1)


def _among_all(forms: NDArray[np.float32], described: NDArray[np.float32], start: int) -> Matches:
    """(8, n, 35), the forms of photos from `start` on → their neighbours among all photos."""
    count = forms.shape[1]
    places = np.full((count, 0), 0, np.int64)
    values = np.zeros((count, 0), np.float32)
    for first in range(0, described.shape[1], _TARGETS):
        targets = described[:, first : first + _TARGETS]
        best = _best(forms, targets)
        own = np.arange(max(start, first), min(start + count, first + targets.shape[1]))
        best[own - start, own - first] = -1  # nobody is a copy of itself
        here = np.broadcast_to(np.arange(first, first + targets.shape[1]), best.shape)
        places, values = _top(np.hstack([places, here]), np.hstack([values, best]))
    rows, columns = np.nonzero(values >= MIN_SIMILARITY)
    return Matches(rows, places[rows, columns], values[rows, columns])


def _in_cells(forms: NDArray[np.float32], cells: Cells, start: int) -> Matches:
    """The same among those in the nearest cells alone."""
    found = cells.search(forms, NEIGHBOURS + 1, MIN_SIMILARITY)  # one more: a photo is its own nearest
    others = found.queries + start != found.items
    return Matches(found.queries[others], found.items[others], found.cosines[others])


def _explained(forms: NDArray[np.float32], described: NDArray[np.float32], start: int, found: Matches) -> Candidates:
    """Pairs with the window and the form that they look alike in: again for these few, cheaper than kept for all."""
    scores = np.einsum("spd,wpd->psw", forms[:, found.queries], described[:, found.items])
    form, window = np.unravel_index(
        scores.reshape(len(scores), math.prod(scores.shape[1:])).argmax(axis=1), scores.shape[1:]
    )
    return Candidates(found.queries + start, found.items, form, window, found.cosines)


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
