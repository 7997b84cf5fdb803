"""Are two pictures the same one? Lay one over the other as well as possible, then compare what is fine in them.

The overall look says little: items on one white board under one lamp correlate at 0.98 without being the same.
Details do: after a blurred copy of the picture is subtracted, copies correlate at 0.9 and more, others hardly.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class _Stage(NamedTuple):
    """How the window is moved: blur in pixels, samples a side, number of steps."""

    blur: int
    samples: int
    steps: int


_ROUGH = _Stage(blur=4, samples=12, steps=8)  # from a start that may be 5 % off
_EXACT = _Stage(blur=1, samples=24, steps=4)
_PROMISING = 0.8  # correlation of the blurred pictures; copies have 0.97 and more, under other light 0.85
_WHOLE = np.array([0, 0, 1, 1], np.float32)
_LARGEST_STEP = 0.05
_SMALLEST_WINDOW = 0.7
_DETAIL_SAMPLES = 48
_DETAIL_BLUR = 2


class Alignment(NamedTuple):
    """P pairs.

    Attributes:
        windows: (P, 4) left, top, width, height in shares of the original's sides.
        details: (P,) correlation of details in [-1, 1].
    """

    windows: Floats
    details: Floats


def align(copies: Floats, originals: Floats, windows: Floats) -> Alignment:
    """Finds the window of each original that looks most like the copy, and compares the details.

    The window is moved by Gauss–Newton steps on copy ≈ a · original(window) + b (B. Lucas and T. Kanade, An iterative
    image registration technique, IJCAI 1981), never out of the original.

    Args:
        copies: (P, side, side) grey pictures, 0 to 255, turned as the originals are.
        originals: (P, side, side) likewise.
        windows: (P, 4) where to begin.
    """
    before = _details(copies, originals, windows)
    moved, likeness = _refine(blur(copies, _ROUGH.blur), blur(originals, _ROUGH.blur), windows, _ROUGH)
    near = likeness >= _PROMISING
    if not near.any():
        return Alignment(windows, before)
    copies, originals = copies[near], originals[near]
    moved[near], _ = _refine(blur(copies, _EXACT.blur), blur(originals, _EXACT.blur), moved[near], _EXACT)
    after = np.full_like(before, -1)
    after[near] = _details(copies, originals, moved[near])
    # Of a picture that was taken twice a shadow may have moved, and the steps have followed it.
    return Alignment(np.where((after > before)[:, None], moved, windows), np.maximum(before, after))


def _details(copies: Floats, originals: Floats, windows: Floats) -> Floats:
    whole = np.broadcast_to(_WHOLE, windows.shape)
    first, second = _sample(copies, whole, _DETAIL_SAMPLES), _sample(originals, windows, _DETAIL_SAMPLES)
    return correlation(first - blur(first, _DETAIL_BLUR), second - blur(second, _DETAIL_BLUR))


def correlation(first: Floats, second: Floats) -> Floats:
    """(P, …) and (P, …) → (P,) Pearson's correlation of each pair; 0 where one is flat."""
    a, b = (values.reshape(len(values), -1) for values in (first, second))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.where(scale > 1e-3, (a * b).sum(axis=1) / np.maximum(scale, 1e-3), 0).astype(np.float32)


def blur(pictures: Floats, radius: int) -> Floats:
    """(P, side, side) → the mean over squares of 2 · radius + 1 pixels; edges are repeated outwards."""
    averages = _averages(pictures.shape[1], radius)
    return np.asarray(averages @ pictures @ averages.T, np.float32)


@cache
def _averages(side: int, radius: int) -> Floats:
    """(side, side): each row the weights of one mean. As a product of matrices it is faster than running sums."""
    weights = np.zeros((side, side), np.float32)
    for row in range(side):
        for place in range(row - radius, row + radius + 1):
            weights[row, min(max(place, 0), side - 1)] += 1 / (2 * radius + 1)
    return weights


def _refine(copies: Floats, originals: Floats, windows: Floats, stage: _Stage) -> tuple[Floats, Floats]:
    """The best windows (P, 4) on the way, the start included, and the correlation (P,) there."""
    side, samples = originals.shape[1], stage.samples
    slopes_y, slopes_x = (slopes * side for slopes in np.gradient(originals, axis=(1, 2)))
    wanted = _sample(copies, np.broadcast_to(_WHOLE, windows.shape), samples)
    along = ((np.arange(samples) + 0.5) / samples).astype(np.float32)
    best, best_score = windows, np.full(len(windows), -2, np.float32)
    for step in range(stage.steps + 1):
        seen = _sample(originals, windows, samples)
        score = correlation(wanted, seen)
        best = np.where((score > best_score)[:, None], windows, best)
        best_score = np.maximum(score, best_score)
        if step < stage.steps:
            dx, dy = (_sample(slopes, windows, samples) for slopes in (slopes_x, slopes_y))
            columns = [seen, np.ones_like(seen), dx, dy, dx * along, dy * along[:, None]]
            windows = _step(np.stack(columns, axis=-1).reshape(len(windows), -1, 6), wanted, windows)
    return best, best_score


def _step(columns: Floats, wanted: Floats, windows: Floats) -> Floats:
    """Least squares for gain, offset and the window's four numbers."""
    transposed = columns.transpose(0, 2, 1).astype(np.float64)
    normal = transposed @ columns
    # A little damping, so that flat pictures have an answer too.
    diagonal = np.einsum("pii->pi", normal)
    diagonal += 1e-3 * diagonal + 1e-6
    solution = np.linalg.solve(normal, transposed @ wanted.reshape(len(wanted), -1, 1))[:, :, 0]
    gain = np.where(np.abs(solution[:, :1]) < 0.3, 1, solution[:, :1])
    moved = windows + np.clip(solution[:, 2:] / gain, -_LARGEST_STEP, _LARGEST_STEP)
    sizes = np.clip(moved[:, 2:], _SMALLEST_WINDOW, 1)
    return np.asarray(np.concatenate([np.clip(moved[:, :2], 0, 1 - sizes), sizes], axis=1), np.float32)


def _sample(pictures: Floats, windows: Floats, samples: int) -> Floats:
    """(P, samples, samples): each picture's window by bilinear interpolation."""
    side = pictures.shape[1]
    along = (np.arange(samples) + 0.5) / samples
    x, y = (
        np.clip((windows[:, i, None] + windows[:, i + 2, None] * along) * side - 0.5, 0, side - 1.001) for i in (0, 1)
    )
    left, top = x.astype(np.int64), y.astype(np.int64)
    right_share, lower_share = (x - left)[:, None].astype(np.float32), (y - top)[:, :, None].astype(np.float32)
    flat = pictures.reshape(-1)
    corner = np.arange(len(pictures))[:, None, None] * side * side + top[:, :, None] * side + left[:, None]
    upper = flat[corner] * (1 - right_share) + flat[corner + 1] * right_share
    lower = flat[corner + side] * (1 - right_share) + flat[corner + side + 1] * right_share
    return np.asarray(upper * (1 - lower_share) + lower * lower_share, np.float32)
