"""Fits an `UnknownScore`: directions, mean and plane on train features, and where the line is drawn on val."""

import math

import numpy as np
from numpy.typing import NDArray

from recyclenet.class_directions import fit_directions
from recyclenet.encoded import encode
from recyclenet.errors import RecycleNetError
from recyclenet.unknown import UnknownScore, energy

DIMENSIONS = 64
"""Of the plane."""
KEPT = 0.99
"""The share of val photos that the line keeps."""

Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A model's logits (n, K), before any temperature, and features (n, C)."""


def fit_unknown(
    features: NDArray[np.float32],
    targets: NDArray[np.int64],
    val: Outputs,
    *,
    dimensions: int = DIMENSIONS,
    kept: float = KEPT,
) -> UnknownScore:
    """The score for a model.

    Args:
        features: (n, C), of photos that the model was trained on.
        targets: (n,), their classes.
        val: of photos that it was not trained on.
        dimensions: of the plane; at most half of the features.
        kept: share of val photos that shall lie up to the line.

    Raises:
        RecycleNetError: too few photos, or features without a spread.
    """
    if len(features) < 3 or len(val[0]) < 1:
        raise RecycleNetError("the unknown score needs at least 3 photos in train and 1 in val")
    count = features.shape[1]
    dimensions = min(dimensions, count // 2, len(features) - 2)
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    if not np.abs(centred).max() > 1e-6:
        raise RecycleNetError("the model gives the same features for every photo: nothing could be a stranger by them")
    # eigh sorts rising: the last directions are those of the largest spread.
    plane = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :dimensions].T
    classes = fit_directions(features, targets)
    sure, pointing = energy(val[0]), classes.raw(val[1])
    weight = _spread(sure) / _spread(pointing)
    values = sure + weight * pointing
    return UnknownScore(
        features=count,
        dimensions=dimensions,
        mean=encode(mean, "<f4"),
        plane=encode(plane, "<f2"),
        classes=classes,
        weight=weight,
        middle=line_that_keeps(values, kept),
        width=_spread(values),
        kept=kept,
    )


def _spread(values: NDArray[np.float64]) -> float:
    """Standard deviation of raw values (n,), never 0."""
    return max(float(values.std()), 1e-3)


def line_that_keeps(values: NDArray[np.float64], kept: float) -> float:
    """The lowest of the raw values (n,) up to which at least this share of them lies."""
    return float(np.sort(values)[min(len(values), math.ceil(round(kept * len(values), 9))) - 1])
