"""Descriptors in cells of alike ones: each query meets the few cells nearest to it and not everything.

An inverted file (Jégou, Douze and Schmid, 2011, https://inria.hal.science/inria-00514462): M vectors lie in √M cells
about centres that k-means found on a sample, so that work grows as M^1.5 where comparing all with all grows as M².
"""

from math import isqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

PROBES = 16
"""Cells that a query is compared with."""

_SAMPLES_A_CELL = 32
_ROUNDS = 8  # of k-means; more hardly move the centres
_BLOCK = 4096


class Matches(NamedTuple):
    """P pairs: (P,) number of the query, (P,) number of the item, (P,) float32 cosine."""

    queries: Ints
    items: Ints
    cosines: Floats


class Cells:
    """N items of W vectors each, to be found by any of them.

    Args:
        vectors: (W, N, d) float32, of length one, or 0 for those that shall not be found.
        seed: of the sample.
    """

    def __init__(self, vectors: Floats, seed: int = 0) -> None:
        windows, items, size = vectors.shape
        flat = vectors.reshape(-1, size)
        rng = np.random.default_rng(seed)
        self._centres = _centres(flat, isqrt(len(flat)), rng)
        cell = _nearest(flat, self._centres, 1)[:, 0]
        owner = np.tile(np.arange(items), windows)
        order = np.lexsort((owner, cell))
        self._vectors, self._owners = flat[order], owner[order]
        self._bounds = np.searchsorted(cell[order], np.arange(len(self._centres) + 1))

    def search(self, queries: Floats, most: int, least: float) -> Matches:
        """For each query the items most like it among those in its cells.

        Args:
            queries: (F, n, d), n queries in F forms each; the best form counts.
            most: items a query.
            least: cosine.
        """
        count, size = queries.shape[1:]
        flat = queries.reshape(-1, size)
        probed = _nearest(flat, self._centres, min(PROBES, len(self._centres)))
        # Cell by cell: all the queries that probe it meet all that lies in it.
        places = np.argsort(probed, axis=None, kind="stable")
        bounds = np.searchsorted(probed.ravel()[places], np.arange(len(self._centres) + 1))
        found = []
        for cell in np.flatnonzero((np.diff(bounds) > 0) & (np.diff(self._bounds) > 0)):
            rows = places[bounds[cell] : bounds[cell + 1]] // probed.shape[1]
            near = self._in_cell(int(cell), flat[rows], most, least)
            found.append(near._replace(queries=rows[near.queries] % count))
        return _best(Matches(*(np.concatenate(values) for values in zip(*found, strict=True))), most)

    def _in_cell(self, cell: int, queries: Floats, most: int, least: float) -> Matches:
        start, stop = self._bounds[cell : cell + 2]
        owners = self._owners[start:stop]
        firsts = np.flatnonzero(np.diff(owners, prepend=-1))
        # Of an item's several vectors in the cell the best one counts.
        cosines = np.maximum.reduceat(queries @ self._vectors[start:stop].T, firsts, axis=1)
        near = np.argpartition(-cosines, min(most, cosines.shape[1]) - 1, axis=1)[:, :most]
        values = np.take_along_axis(cosines, near, 1)
        rows, columns = np.nonzero(values >= least)
        return Matches(rows, owners[firsts][near[rows, columns]], values[rows, columns])


def _best(matches: Matches, most: int) -> Matches:
    """Each pair once, at its best, and of each query the `most` best."""
    order = np.lexsort((-matches.cosines, matches.items, matches.queries))
    queries, items = matches.queries[order], matches.items[order]
    new = np.flatnonzero((np.diff(queries, prepend=-1) != 0) | (np.diff(items, prepend=-1) != 0))
    order = order[new]
    order = order[np.lexsort((-matches.cosines[order], matches.queries[order]))]
    queries = matches.queries[order]
    rank = np.arange(len(order)) - np.searchsorted(queries, queries)
    kept = order[rank < most]
    return Matches(matches.queries[kept], matches.items[kept], matches.cosines[kept])


def _centres(flat: Floats, count: int, rng: np.random.Generator) -> Floats:
    """(count, d), of length one, by k-means on the sphere."""
    sample = flat[np.sort(rng.choice(len(flat), min(len(flat), _SAMPLES_A_CELL * count), replace=False))]
    centres = sample[rng.choice(len(sample), count, replace=False)]
    for _ in range(_ROUNDS):
        cell = _nearest(sample, centres, 1)[:, 0]
        order = np.argsort(cell, kind="stable")
        used, firsts = np.unique(cell[order], return_index=True)
        sums = np.add.reduceat(sample[order], firsts, axis=0)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres[used] = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres[used])  # empty ones stay
    return centres


def _nearest(vectors: Floats, centres: Floats, count: int) -> Ints:
    """(n, count): the centres of the highest cosine, in any order."""
    parts = []
    for start in range(0, len(vectors), _BLOCK):
        cosines = vectors[start : start + _BLOCK] @ centres.T
        if count == 1:
            parts.append(cosines.argmax(axis=1)[:, None])
        else:
            parts.append(np.argpartition(-cosines, count - 1, axis=1)[:, :count])
    return np.concatenate(parts)
