"""Are two pictures the same one? Lay one over the other as well as possible, then compare what is fine in them.

The overall look says little: items on one white board under one lamp correlate at 0.98 without being the same.
Details do: after a blurred copy of the picture is subtracted, copies correlate at 0.9 and more, others hardly.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# (blur in pixels, samples a side, steps): first roughly, from a start that may be 5 % off, then exactly.
_STAGES = ((4, 12, 8), (1, 24, 4))
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
    for radius, samples, steps in _STAGES:
        windows = _refine(blur(copies, radius), blur(originals, radius), windows, samples, steps)
    whole = np.broadcast_to(np.array([0, 0, 1, 1], np.float32), windows.shape)
    first, second = (
        fine - blur(fine, _DETAIL_BLUR)
        for fine in (_sample(copies, whole, _DETAIL_SAMPLES), _sample(originals, windows, _DETAIL_SAMPLES))
    )
    return Alignment(windows, correlation(first, second))


def correlation(first: Floats, second: Floats) -> Floats:
    """(P, …) and (P, …) → (P,) Pearson's correlation of each pair; 0 where one is flat."""
    a, b = (values.reshape(len(values), -1) for values in (first, second))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.where(scale > 1e-3, (a * b).sum(axis=1) / np.maximum(scale, 1e-3), 0).astype(np.float32)


def blur(pictures: Floats, radius: int) -> Floats:
    """(P, side, side) → the mean over squares of 2 · radius + 1 pixels; edges are repeated outwards."""
    width = 2 * radius + 1
    padded = np.pad(pictures, ((0, 0), (radius, radius), (radius, radius)), "edge").astype(np.float64)
    for axis in (1, 2):
        sums = np.cumsum(padded, axis=axis)
        zero = np.zeros_like(np.take(sums, [0], axis))
        sums = np.concatenate([zero, sums], axis)
        size = sums.shape[axis]
        padded = (np.take(sums, range(width, size), axis) - np.take(sums, range(size - width), axis)) / width
    return padded.astype(np.float32)


def _refine(copies: Floats, originals: Floats, windows: Floats, samples: int, steps: int) -> Floats:
    """The best windows of `steps` Gauss–Newton steps; the start is kept where no step improves on it."""
    side = originals.shape[1]
    slopes_y, slopes_x = (slopes * side for slopes in np.gradient(originals, axis=(1, 2)))
    whole = np.broadcast_to(np.array([0, 0, 1, 1], np.float32), windows.shape)
    wanted = _sample(copies, whole, samples)
    along = ((np.arange(samples) + 0.5) / samples).astype(np.float32)
    best, best_score = windows, np.full(len(windows), -2, np.float32)
    for step in range(steps + 1):
        seen = _sample(originals, windows, samples)
        score = correlation(wanted, seen)
        better = score > best_score
        best = np.where(better[:, None], windows, best)
        best_score = np.maximum(score, best_score)
        if step < steps:
            dx, dy = (_sample(slopes, windows, samples) for slopes in (slopes_x, slopes_y))
            columns = [seen, np.ones_like(seen), dx, dy, dx * along, dy * along[:, None]]
            windows = _step(np.stack(columns, axis=-1).reshape(len(windows), -1, 6), wanted, windows)
    return best


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
    return np.hstack([np.clip(moved[:, :2], 0, 1 - sizes), sizes]).astype(np.float32, copy=False)


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
    return upper * (1 - lower_share) + lower * lower_share
