"""Weights in 8 bits, rounded so that what a layer gives changes least, not each weight by itself.

Rounding every weight to its nearest step makes errors that add up wherever inputs go together: in a 3×3 kernel over a
plain background the nine inputs are all but the same. With errors e of a row of weights and covariance C of its
inputs, the output's variance is e·C·e; what is left of its mean goes into the bias. This is minimised one weight at a
time, after https://arxiv.org/abs/2004.10568 (the objective) and https://arxiv.org/abs/1906.04721 (the bias).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LARGEST = 127
_SHRINK = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7)
_PASSES = 6
_RIDGE = 1e-3  # of the mean variance: inputs that calibration never saw vary must not grow free errors


@dataclass(frozen=True)
class Rounded:
    """Weights as `integers` (C_out, …) int8 times `scale` (C_out,), and the bias (C_out,) that goes with them."""

    integers: NDArray[np.int8]
    scale: Floats
    bias: Floats

    def floats(self) -> Floats:
        """The weights that are computed with."""
        return self.integers.astype(np.float32) * self.scale.reshape(-1, *[1] * (self.integers.ndim - 1))


def round_nearest(weight: Floats, bias: Floats) -> Rounded:
    """Each weight to its nearest step; the largest of a row is 127 steps."""
    rows = weight.reshape(len(weight), -1)
    scale = _scale(rows)
    return Rounded(_nearest(rows, scale).reshape(weight.shape).astype(np.int8), scale, bias)


def round_together(weight: Floats, bias: Floats, mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> Rounded:
    """Rounds against a layer's inputs.

    Args:
        weight: (C_out, …), n weights in a row.
        bias: (C_out,).
        mean: (groups, n) of the inputs that meet the weights; rows are divided among the groups in order.
        covariance: (groups, n, n).
    """
    rows = weight.reshape(len(weight), -1)
    groups = len(mean)
    # (groups, rows of a group, n)
    wanted = rows.reshape(groups, -1, rows.shape[1]).astype(np.float64)
    count = covariance.shape[1]
    ridge = _RIDGE * np.trace(covariance, axis1=1, axis2=2)[:, None, None] / count + 1e-12
    metric = covariance + ridge * np.eye(count)
    integers, scale = _best_scale(wanted, metric, _scale(rows).reshape(groups, -1, 1).astype(np.float64))
    error = integers * scale - wanted
    slope = error @ metric
    for _ in range(_PASSES):
        before = integers.copy()
        for j in range(count):
            diagonal = metric[:, None, j, j]
            step = scale[:, :, 0]
            better = np.clip(np.round(integers[:, :, j] - slope[:, :, j] / (diagonal * step)), -LARGEST, LARGEST)
            change = (better - integers[:, :, j]) * step
            integers[:, :, j] = better
            slope += change[:, :, None] * metric[:, None, j, :]
        if np.array_equal(before, integers):
            break
    shift = ((integers * scale - wanted) @ mean[:, :, None])[:, :, 0].reshape(-1)
    return Rounded(
        integers.reshape(weight.shape).astype(np.int8),
        scale.reshape(-1).astype(np.float32),
        (bias - shift).astype(np.float32),
    )


def _scale(rows: Floats) -> Floats:
    largest = np.abs(rows).max(axis=1)
    return np.where(largest > 0, largest / LARGEST, 1).astype(np.float32)


def _nearest(rows: NDArray[np.floating], scale: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(np.clip(np.round(rows / scale.reshape(-1, 1)), -LARGEST, LARGEST))


def _best_scale(
    wanted: NDArray[np.float64], metric: NDArray[np.float64], full: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The nearest rounding with the row's scale that suits it best, among a few below the full one."""
    best, chosen, at = np.full(full.shape, np.inf), full.copy(), np.zeros_like(wanted)
    for shrink in _SHRINK:
        scale = full * shrink
        integers = np.clip(np.round(wanted / scale), -LARGEST, LARGEST)
        error = integers * scale - wanted
        loss = ((error @ metric) * error).sum(axis=2, keepdims=True)
        wins = loss < best
        best, chosen, at = np.where(wins, loss, best), np.where(wins, scale, chosen), np.where(wins, integers, at)
    return at, chosen
