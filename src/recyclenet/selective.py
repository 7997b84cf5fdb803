"""Answers that are given only when the model is sure, and scores that tell strangers from friends: their curves.

Arrays: `confidence` (n,) float, the higher the surer; `hits` (n,) bool, whether the answer was right.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RiskCoverage:
    """One point for each threshold on the confidence: photos answered, and how many of these answers are wrong.

    Attributes:
        answered: (m,) int, rising from the surest photos to all of them.
        wrong: (m,) int.
        area: the mean risk over all coverages (https://arxiv.org/abs/1805.08206); 0 is perfect.
    """

    answered: NDArray[np.int64]
    wrong: NDArray[np.int64]
    area: float


@dataclass(frozen=True)
class Coverage:
    """How many of `total` photos are answered at a confidence from `threshold` on, and how many of them right."""

    answered: int
    correct: int
    total: int
    threshold: float


def risk_coverage(confidence: Floats, hits: Bools) -> RiskCoverage:
    """The whole curve; photos of equal confidence are answered together or not at all.

    Raises:
        ValueError: no photos, or arrays of different lengths.
    """
    if len(hits) == 0 or confidence.shape != hits.shape:
        raise ValueError(f"confidence {confidence.shape} and hits {hits.shape} must be of the same length, at least 1")
    order = np.argsort(-confidence, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(confidence[order])), len(hits) - 1)
    answered = (ends + 1).astype(np.int64)
    wrong = np.cumsum(~hits[order])[ends].astype(np.int64)
    area = float(np.sum(wrong / answered * np.diff(answered, prepend=0)) / len(hits))
    return RiskCoverage(answered, wrong, area)


def coverage_at_precision(confidence: Floats, hits: Bools, precision: float) -> Coverage:
    """The most photos that can be answered with at least this share of right answers; none where none can."""
    curve = risk_coverage(confidence, hits)
    reached = np.flatnonzero(curve.wrong <= (1 - precision) * curve.answered + 1e-9)
    if len(reached) == 0:
        return Coverage(0, 0, len(hits), float("inf"))
    best = reached[-1]
    answered = int(curve.answered[best])
    threshold = float(np.sort(confidence)[::-1][answered - 1])
    return Coverage(answered, answered - int(curve.wrong[best]), len(hits), threshold)


def auroc(strangers: Floats, friends: Floats) -> float:
    """How often a stranger's score is higher than a friend's, equal scores counting half; 0.5 is chance.

    Raises:
        ValueError: no strangers or no friends.
    """
    if len(strangers) == 0 or len(friends) == 0:
        raise ValueError("AUROC needs scores of both kinds")
    ordered = np.sort(friends)
    below = np.searchsorted(ordered, strangers, side="left")
    up_to = np.searchsorted(ordered, strangers, side="right")
    return float((below + up_to).sum() / (2 * len(strangers) * len(friends)))


def false_positive_rate(strangers: Floats, friends: Floats, kept: float = 0.95) -> float:
    """Share of strangers taken for friends by the lowest threshold that keeps this share of friends (FPR95)."""
    if len(strangers) == 0 or len(friends) == 0:
        raise ValueError("the false positive rate needs scores of both kinds")
    rank = int(np.ceil(round(kept * len(friends), 9)))
    threshold = np.sort(friends)[rank - 1]
    return float((strangers <= threshold).mean())
