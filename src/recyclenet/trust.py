"""Can the answers be trusted? Calibration before and after, sets, and answers given only when the model is sure."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Evaluation
from recyclenet.metrics import (
    calibration_error_by_chance,
    confidence_bins,
    expected_calibration_error,
    mean_nll,
    softmax,
    wilson_interval,
)
from recyclenet.selective import Coverage, RiskCoverage, coverage_at_precision, risk_coverage

_BINS = 15
PRECISION = 0.99
"""The share of right answers at which coverage is reported."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers with a probability in (low, high]: how many, how many of them right, and their mean probability."""

    low: float
    high: float
    photos: int
    correct: int
    confidence: float


@dataclass(frozen=True)
class Trust:
    """What the calibration is worth on a split.

    Attributes:
        ece_before, nll_before: of the plain softmax; `ece_after`, `nll_after`: at the fitted temperature.
        ece_by_chance: what exact probabilities would show on as many photos: the mean, and 95 % bounds.
        reliability: 15 equally wide bins of the top probability, after.
        covered: photos whose set holds their class, of `total`; `target` is the share that was asked for.
        set_sizes: how many photos have a set of 1, 2, … classes.
        selective: at what coverage PRECISION is reached.
        risk: the whole risk–coverage curve.
        called_unknown: photos said to be none of the classes; None where the model cannot tell.
    """

    ece_before: float
    ece_after: float
    nll_before: float
    nll_after: float
    ece_by_chance: tuple[float, float, float]
    reliability: tuple[ReliabilityBin, ...]
    target: float
    covered: int
    total: int
    set_sizes: tuple[int, ...]
    selective: Coverage
    risk: RiskCoverage
    called_unknown: int | None

    @property
    def mean_size(self) -> float:
        """Classes in a set, on average."""
        return sum(size * count for size, count in enumerate(self.set_sizes, start=1)) / self.total


def measure_trust(evaluation: Evaluation) -> Trust:
    """Measures the calibration that the evaluated model carries.

    Raises:
        RecycleNetError: it carries none.
    """
    calibration = evaluation.model.description.calibration
    if calibration is None:
        raise RecycleNetError(f"{evaluation.model.name} has no calibration: run 'recyclenet calibrate' on it first")
    targets, probs = evaluation.targets, evaluation.probs
    sets = calibration.sets(probs)
    confidence, hits = probs.max(axis=1), probs.argmax(axis=1) == targets
    return Trust(
        ece_before=expected_calibration_error(softmax(evaluation.logits), targets),
        ece_after=evaluation.scores.ece,
        nll_before=mean_nll(evaluation.logits, targets),
        nll_after=evaluation.scores.nll,
        ece_by_chance=calibration_error_by_chance(probs),
        reliability=_reliability(confidence, hits),
        target=calibration.coverage,
        covered=int(sets[np.arange(len(targets)), targets].sum()),
        total=len(targets),
        set_sizes=tuple(int(count) for count in np.bincount(sets.sum(axis=1), minlength=probs.shape[1] + 1)[1:]),
        selective=coverage_at_precision(confidence, hits, PRECISION),
        risk=risk_coverage(confidence, hits),
        called_unknown=None if evaluation.unknown is None else int(evaluation.is_unknown.sum()),
    )


def trust_lines(trust: Trust) -> list[str]:
    """Markdown lines with every figure."""
    selective, low_high = trust.selective, wilson_interval(trust.covered, trust.total)
    sizes = ", ".join(f"{count} of size {size}" for size, count in enumerate(trust.set_sizes, start=1) if count)
    lines = [
        f"- Calibration: ECE {trust.ece_before:.3f} before, **{trust.ece_after:.3f}** after. {chance_of(trust)} "
        f"NLL {trust.nll_before:.3f} before, {trust.nll_after:.3f} after.",
        f"- Sets of possible answers, made to hold the true one {100 * trust.target:g} % of the time: they hold it for "
        f"**{trust.covered} of {trust.total} = {100 * trust.covered / trust.total:.1f} %** "
        f"(95 % interval {100 * low_high[0]:.1f}–{100 * low_high[1]:.1f}); mean size {trust.mean_size:.2f} ({sizes}).",
        f"- Answering only when sure: {selective.answered} of {selective.total} photos "
        f"({100 * selective.answered / selective.total:.1f} %) can be answered with {100 * PRECISION:g} % right "
        f"({selective.correct} of these), from a probability that was chosen on these very photos: on others it may be "
        f"less. Area under the risk–coverage curve {trust.risk.area:.4f}.",
    ]
    if trust.called_unknown is not None:
        lines.append(f"- Said to be none of these, though it is one: {trust.called_unknown} of {trust.total} photos.")
    return lines


def chance_of(trust: Trust) -> str:
    """A sentence on how small the calibration error can be on so many photos."""
    mean, low, high = trust.ece_by_chance
    often = f"95 % of the time {low:.3f}–{high:.3f}"
    return f"Exact probabilities would show an ECE of {mean:.3f} on as many photos ({often})."


def trust_table(trust: Trust) -> dict[str, Any]:
    """Everything as plain values."""
    return {
        "ece_before": trust.ece_before,
        "ece_after": trust.ece_after,
        "ece_by_chance": dict(zip(("mean", "low", "high"), trust.ece_by_chance, strict=True)),
        "nll_before": trust.nll_before,
        "nll_after": trust.nll_after,
        "reliability": [vars(item) for item in trust.reliability],
        "sets": {
            "target": trust.target,
            "covered": trust.covered,
            "total": trust.total,
            "mean_size": trust.mean_size,
            "sizes": list(trust.set_sizes),
        },
        "selective": {
            "precision": PRECISION,
            "answered": trust.selective.answered,
            "correct": trust.selective.correct,
            "total": trust.selective.total,
            # No threshold where no number of answers is right often enough: JSON has no infinity.
            "threshold": trust.selective.threshold if trust.selective.answered else None,
        },
        "risk_coverage": {
            "area": trust.risk.area,
            "answered": trust.risk.answered.tolist(),
            "wrong": trust.risk.wrong.tolist(),
        },
        "called_unknown": trust.called_unknown,
    }


def _reliability(confidence: np.ndarray, hits: np.ndarray) -> tuple[ReliabilityBin, ...]:
    places = confidence_bins(confidence, _BINS)
    found = []
    for place in range(_BINS):
        inside = places == place
        count = int(inside.sum())
        mean = float(confidence[inside].mean()) if count else 0.0
        found.append(ReliabilityBin(place / _BINS, (place + 1) / _BINS, count, int(hits[inside].sum()), mean))
    return tuple(found)
