"""Softmax regression on pooled features that is pulled towards the head it starts from: numpy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recyclenet.adapt.onnx_head import Head
from recyclenet.metrics import softmax

_MOST_STEPS = 400
_SMALL = 1e-3  # a weight may be as far from the best one: logits by about as much
_BIAS_INPUT = 0.5

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """Features with what a head should say of them.

    Attributes:
        features: (n, C) float32.
        targets: (n, K) float32, probabilities.
        weights: (n,) float32, how much each row counts.
        among: (n,) int64: a row says nothing of classes from this place on, as if the head did not have them; K for a
            row that speaks of all.
    """

    features: Floats
    targets: Floats
    weights: Floats
    among: NDArray[np.int64]

    @classmethod
    def join(cls, *parts: "Rows") -> "Rows":
        """All rows of several."""
        return cls(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.targets for part in parts]),
            np.concatenate([part.weights for part in parts]),
            np.concatenate([part.among for part in parts]),
        )


class HeadFit:
    """Fits heads to the same rows at different pulls, each from where the last one ended.

    The head V minimises

        Σ_i w_i · CE(t_i, softmax(V x_i))  +  pull/2 · |V - V₀|²

    where x is a row's features less their weighted mean, divided by their root mean square length, and a half for
    the bias: numbers of the same size for every network; the softmax of a row is over the classes that it speaks of,
    its first `among`. The loss is convex and has one minimum; it is found by
    Nesterov's method with the step that the curvature allows (Introductory Lectures on Convex Optimization, 2004,
    section 2.2).

    Args:
        rows: what to learn; weights sum to something above 0.
        start: V₀, of as many classes as the targets.
    """

    def __init__(self, rows: Rows, start: Head) -> None:
        shares = (rows.weights / rows.weights.sum())[:, None]
        self._mean = (shares * rows.features).sum(axis=0)
        centred = rows.features - self._mean
        self._scale = np.float32(max(float(np.sqrt((shares * centred**2).sum())), 1e-9))
        ones = np.full((len(centred), 1), _BIAS_INPUT, np.float32)
        self._inputs = np.concatenate([centred / self._scale, ones], axis=1)
        self._rows = rows
        self._unasked = np.arange(len(start.bias)) >= rows.among[:, None]
        self._start = start
        self._before = start.logits(rows.features)
        self._curvature = 0.5 * _largest_eigenvalue(self._inputs, rows.weights)
        self._moved = np.zeros((self._inputs.shape[1], len(start.bias)), np.float32)

    def fit(self, pull: float) -> Head:
        """The best head at this pull > 0."""
        steepest = self._curvature + pull
        root = np.sqrt(pull / steepest)
        most = (1 - root) / (1 + root)
        moved = ahead = self._moved
        for step in range(_MOST_STEPS):
            gradient = self._gradient(ahead, pull)
            if np.abs(gradient).max() < _SMALL * pull:
                break
            following = ahead - gradient / np.float32(steepest)
            ahead = following + np.float32(min(step / (step + 3), most)) * (following - moved)
            moved = following
        self._moved = moved
        change = moved[:-1].T / self._scale
        bias = self._start.bias + np.float32(_BIAS_INPUT) * moved[-1] - change @ self._mean
        return Head((self._start.weight + change).astype(np.float32), bias.astype(np.float32))

    def _gradient(self, moved: Floats, pull: float) -> Floats:
        logits = np.where(self._unasked, -np.inf, self._before + self._inputs @ moved)
        probs = softmax(logits).astype(np.float32)
        errors = self._rows.weights[:, None] * (probs - self._rows.targets)
        return np.asarray(self._inputs.T @ errors + np.float32(pull) * moved)


def _largest_eigenvalue(inputs: Floats, weights: Floats) -> float:
    """Of Σ w·x·xᵀ, by power iteration, and a little more: a step must not be longer than this allows."""
    vector = np.ones(inputs.shape[1], np.float32)
    value = 1.0
    for _ in range(30):
        vector = inputs.T @ (weights * (inputs @ vector))
        value = max(float(np.linalg.norm(vector)), 1e-12)
        vector = vector / np.float32(value)
    return 1.05 * value
