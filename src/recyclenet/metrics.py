"""Honest figures from logits and targets: counts with intervals, per-class scores, likelihood, calibration.

Arrays: `logits` (n, K) float, `probs` (n, K) float in [0, 1] with rows summing to 1, `targets` (n,) int in
[0, K). Ratios are in [0, 1]; undefined ones (nothing predicted, nothing there) count as 0.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054  # the normal quantile of a two-sided 95 % interval

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class ClassScores:
    """One class: precision, recall and F1 in [0, 1]; support is its number of photos."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """All figures of one evaluation. `confusion` is (K, K): rows are true classes, columns answers."""

    correct: int
    total: int
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    nll: float
    ece: float
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]


def score(logits: Floats, targets: Ints, classes: tuple[str, ...]) -> Scores:
    """Computes every figure. Macro-F1 is over the classes that have photos.

    Raises:
        ValueError: empty or mismatched arrays.
    """
    if len(logits) == 0 or logits.shape != (len(targets), len(classes)):
        raise ValueError(f"logits {logits.shape} do not match {len(targets)} targets and {len(classes)} classes")
    probs = softmax(logits)
    answers = probs.argmax(axis=1)
    matrix = confusion_matrix(answers, targets, len(classes))
    correct, total = int(np.trace(matrix)), int(matrix.sum())
    per_class = tuple(_class_scores(matrix, index, label) for index, label in enumerate(classes))
    present = [item.f1 for item in per_class if item.support]
    return Scores(
        correct=correct,
        total=total,
        accuracy=correct / total,
        interval=wilson_interval(correct, total),
        macro_f1=sum(present) / len(present),
        nll=mean_nll(logits, targets),
        ece=expected_calibration_error(probs, targets),
        per_class=per_class,
        confusion=tuple(tuple(int(value) for value in row) for row in matrix),
    )


def softmax(logits: Floats) -> NDArray[np.float64]:
    """Probs (n, K) from logits (n, K), in float64."""
    shifted = np.asarray(logits, dtype=np.float64)
    exponentials = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def mean_nll(logits: Floats, targets: Ints) -> float:
    """Mean negative log-likelihood of the true class, in nats; 0 is perfect."""
    values = np.asarray(logits, dtype=np.float64)
    peak = values.max(axis=1)
    log_sum = peak + np.log(np.exp(values - peak[:, None]).sum(axis=1))
    return float((log_sum - values[np.arange(len(values)), targets]).mean())


def accuracy_counts(logits: Floats, targets: Ints) -> tuple[int, int]:
    """(correct, total) of the most likely class."""
    return int((logits.argmax(axis=1) == targets).sum()), len(targets)


def confusion_matrix(answers: Ints, targets: Ints, num_classes: int) -> NDArray[np.int64]:
    """(K, K) counts: rows are true classes, columns answers."""
    flat = np.bincount(targets * num_classes + answers, minlength=num_classes**2)
    return flat.reshape(num_classes, num_classes)


def wilson_interval(correct: float, total: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval for a share, 95 % by default, in [0, 1] (E. B. Wilson, JASA 22, 1927)."""
    if total == 0:
        return (0.0, 1.0)
    share = correct / total
    middle = share + z * z / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return (max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale))


_MOST_AT_ONCE = 10**6  # numbers, so that memory stays the same for any number of photos


def expected_calibration_error(probs: Floats, targets: Ints, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equally wide bins of the top probability, weighted by count.

    Source: https://arxiv.org/abs/1706.04599
    """
    hits = (probs.argmax(axis=1) == targets).astype(np.float64)
    return float(_calibration_errors(probs.max(axis=1), hits[None], bins)[0])


def calibration_error_by_chance(
    probs: Floats, bins: int = 15, draws: int = 2000, seed: int = 1
) -> tuple[float, float, float]:
    """The calibration error that answers as sure as these show where each is right exactly as often as it says.

    It is hardly ever 0: the few answers of a bin are right more or less often than they should be by chance, and every
    gap counts. An error up to the upper bound is no sign that probabilities are wrong.

    Args:
        probs: (n, K).
        bins: as in `expected_calibration_error`.
        draws: of which answers are right.
        seed: of these draws.

    Returns:
        The mean, and the bounds that 95 % of the draws lie within.
    """
    confidence = probs.max(axis=1)
    rng, together = np.random.default_rng(seed), max(1, _MOST_AT_ONCE // len(confidence))
    errors = np.concatenate(
        [
            _calibration_errors(confidence, (rng.random((count, len(confidence))) < confidence).astype(float), bins)
            for count in (min(together, draws - done) for done in range(0, draws, together))
        ]
    )
    low, high = np.quantile(errors, (0.025, 0.975))
    return float(errors.mean()), float(low), float(high)


def _calibration_errors(confidence: Floats, hits: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """(m,) from confidence (n,) and m ways in which answers may be right, (m, n) of 0 and 1."""
    gaps = (hits - confidence) @ np.eye(bins)[confidence_bins(confidence, bins)]
    return np.asarray(np.abs(gaps).sum(axis=1) / len(confidence))


def confidence_bins(confidence: Floats, bins: int) -> Ints:
    """(n,) in [0, bins): the bin of each confidence in [0, 1]; bin i holds (i/bins, (i+1)/bins]."""
    return np.asarray(np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1))


def _class_scores(matrix: NDArray[np.int64], index: int, label: str) -> ClassScores:
    hits, answered, support = (
        int(value) for value in (matrix[index, index], matrix[:, index].sum(), matrix[index].sum())
    )
    precision = hits / answered if answered else 0.0
    recall = hits / support if support else 0.0
    f1 = 2 * hits / (answered + support) if answered + support else 0.0
    return ClassScores(label, precision, recall, f1, support)
