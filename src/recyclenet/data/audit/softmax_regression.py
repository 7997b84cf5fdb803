"""A small linear classifier, good enough to doubt labels with: numpy alone, the same answer every time."""

import numpy as np
from numpy.typing import NDArray

from recyclenet.metrics import softmax

_STEPS = 100
_DECAY = 1e-3


def fit_and_answer(
    features: NDArray[np.float32], targets: NDArray[np.int64], unseen: NDArray[np.float32], num_classes: int
) -> NDArray[np.float64]:
    """Trains multinomial logistic regression and answers for other photos.

    Features are standardised by the training photos; the loss is the mean negative log-likelihood plus
    1/2 · 0.001 · squared weights; 100 steps of Nesterov's method at the rate that its curvature allows.

    Args:
        features: (n, C).
        targets: (n,) in [0, num_classes).
        unseen: (m, C).
        num_classes: K.

    Returns:
        Probs (m, K).
    """
    mean, std = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale = np.where(std > 1e-6, std, 1)
    # Divided by √C as well: then the squared length of a row is about 1, and so is what the decay weighs against.
    seen, new = (
        ((rows - mean) / (scale * np.sqrt(features.shape[1]))).astype(np.float32) for rows in (features, unseen)
    )
    wanted = np.eye(num_classes, dtype=np.float32)[targets]
    weights = np.zeros((features.shape[1], num_classes))
    bias = np.zeros(num_classes)
    # The bias is a column of ones, at right angles to columns of mean 0, so that the larger curvature counts.
    rate = 1 / (0.5 * max(_largest_curvature(seen), 1) + _DECAY)
    ahead, bias_ahead = weights, bias
    for step in range(_STEPS):
        errors = (softmax(seen @ ahead.astype(np.float32) + bias_ahead) - wanted).astype(np.float32)
        moved = ahead - rate * (seen.T @ errors / len(seen) + _DECAY * ahead)
        bias_moved = bias_ahead - rate * errors.mean(axis=0)
        momentum = step / (step + 3)
        ahead, bias_ahead = moved + momentum * (moved - weights), bias_moved + momentum * (bias_moved - bias)
        weights, bias = moved, bias_moved
    return softmax(new @ weights.astype(np.float32) + bias)


def _largest_curvature(rows: NDArray[np.float32]) -> float:
    """The largest eigenvalue of rowsᵀ·rows / n, by power iteration."""
    vector = np.ones(rows.shape[1])
    value = 1.0
    for _ in range(30):
        vector = rows.T.astype(np.float64) @ (rows @ vector) / len(rows)
        value = float(np.linalg.norm(vector))
        vector = vector / max(value, 1e-12)
    return 1.1 * value
