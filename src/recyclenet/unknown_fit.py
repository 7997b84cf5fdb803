"""Fits an `UnknownScore`: mean and plane on train features, and where the line is drawn on val."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recyclenet.errors import RecycleNetError
from recyclenet.unknown import UnknownScore, encode

DIMENSIONS = 64
"""Of the plane; measured beside other scores in results/unknown of the repository."""
KEPT = 0.99
"""The share of val photos that the line keeps."""

Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A model's logits (n, K), before any temperature, and features (n, C)."""


def fit_unknown(train: Outputs, val: Outputs, *, dimensions: int = DIMENSIONS, kept: float = KEPT) -> UnknownScore:
    """The score for a model.

    Args:
        train: of photos that the model was trained on.
        val: of photos that it was not trained on.
        dimensions: of the plane; at most half of the features, so that there is room beside it.
        kept: share of val photos that shall lie up to the line.

    Raises:
        RecycleNetError: too few photos, or features without a spread.
    """
    logits, features = train
    if len(features) < 3 or len(val[0]) < 1:
        raise RecycleNetError("the unknown score needs at least 3 photos in train and 1 in val")
    count = features.shape[1]
    dimensions = min(dimensions, count // 2, len(features) - 2)
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    # eigh sorts rising: the last directions are those of the largest spread.
    plane = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :dimensions].T
    draft = UnknownScore(
        count, dimensions, encode(mean, "<f4"), encode(plane, "<f2"), alpha=1.0, middle=0.0, width=1.0, kept=kept
    )
    flat = np.zeros((len(features), 1), np.float32)  # one logit of 0 has the energy 0: what is left is |r|
    rest = float(draft.raw(flat, features).mean())
    if not rest > 1e-9:
        raise RecycleNetError(f"the model's features fill no more than {dimensions} dimensions: no room for strangers")
    draft = replace(draft, alpha=max(0.0, float(logits.max(axis=1).mean()) / rest))
    values = np.sort(draft.raw(*val))
    middle = float(values[min(len(values), math.ceil(round(kept * len(values), 9))) - 1])
    return replace(draft, middle=middle, width=max(float(values.std()), 1e-3))
