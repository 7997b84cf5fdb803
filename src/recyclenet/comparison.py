"""Is one model better than another? Paired tests over the same photos, and means over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recyclenet.metrics import wilson_interval

Hits = NDArray[np.bool_]


@dataclass(frozen=True)
class Comparison:
    """Photos on which one model does better or worse than the other, and the p-value of that under "no difference"."""

    better: int
    worse: int
    p_value: float


@dataclass(frozen=True)
class SeedSummary:
    """Correct answers over seeds: each seed's count, mean, standard deviation (None for one seed), interval.

    `interval` is Wilson's 95 % interval of a share at the mean accuracy: what another draw of as many photos could
    show. It does not shrink with more seeds, since the photos stay the same.
    """

    counts: tuple[int, ...]
    total: int
    mean: float
    deviation: float | None
    interval: tuple[float, float]


def summarize_seeds(counts: Sequence[int], total: int) -> SeedSummary:
    """Mean, sample standard deviation and interval of correct answers out of `total`, one count a seed.

    Raises:
        ValueError: no seeds.
    """
    if not counts:
        raise ValueError("no seeds to summarise")
    mean = float(np.mean(counts))
    deviation = float(np.std(counts, ddof=1)) if len(counts) > 1 else None
    return SeedSummary(tuple(counts), total, mean, deviation, wilson_interval(mean, total))


def compare_paired(hits: Hits, baseline: Hits) -> Comparison:
    """Exact McNemar test, with photos as the units also where there are several seeds.

    A photo counts as better if more seeds answer it right than with the baseline, as worse if fewer do; under "no
    difference" either is as likely. With one seed this is McNemar's test (Psychometrika 12, 1947). Adding up the
    seeds' discordant pairs instead would count one hard photo many times and make chance look like a finding.

    Args:
        hits: (seeds, n) bool, whether each photo was answered right.
        baseline: the same for the other model: same photos, same seeds.

    Raises:
        ValueError: the shapes differ.
    """
    if hits.shape != baseline.shape:
        raise ValueError(f"paired answers must have the same shape, not {hits.shape} and {baseline.shape}")
    difference: NDArray[Any] = hits.sum(axis=0, dtype=np.int64) - baseline.sum(axis=0, dtype=np.int64)
    better, worse = int((difference > 0).sum()), int((difference < 0).sum())
    return Comparison(better, worse, exact_mcnemar(better, worse))


def exact_mcnemar(better: int, worse: int) -> float:
    """Two-sided p-value: how often a fair coin would be at least as one-sided over all discordant pairs."""
    total = better + worse
    tail: int = sum(math.comb(total, k) for k in range(min(better, worse) + 1))
    return min(1.0, tail / 2 ** (total - 1)) if total else 1.0
