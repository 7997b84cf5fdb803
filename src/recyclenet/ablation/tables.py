"""From the results of runs to the lines of tables, each figure with its count, spread, interval and test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from recyclenet.ablation.published import Published, published_for
from recyclenet.ablation.results import RunResult
from recyclenet.ablation.suites import Table, Variant
from recyclenet.comparison import Comparison, Hits, SeedSummary, compare_paired, summarize_seeds

BySeed = Mapping[int, RunResult]


@dataclass(frozen=True)
class Line:
    """A variant with what is known of it; what was not measured is None. minutes: mean, without shared features."""

    variant: Variant
    published: Published | None
    params: int | None
    seeds: tuple[int, ...]
    test: SeedSummary | None
    val: SeedSummary | None
    against_baseline: Comparison | None
    minutes: float | None


@dataclass(frozen=True)
class FilledTable:
    """A table's lines in its order."""

    table: Table
    lines: tuple[Line, ...]


def fill_tables(tables: Sequence[Table], results: Mapping[str, BySeed], *, published: bool = True) -> list[FilledTable]:
    """Puts results into tables.

    Args:
        tables: of a suite.
        results: by variant key, then by seed; those that are missing leave gaps.
        published: whether the data is what the published figures speak of.
    """
    return [
        FilledTable(table, tuple(_line(table, variant, results, published) for variant in table.variants))
        for table in tables
    ]


def _line(table: Table, variant: Variant, results: Mapping[str, BySeed], published: bool) -> Line:
    runs = results.get(variant.key, {})
    figure = published_for(variant) if published else None
    if not runs:
        return Line(variant, figure, None, (), None, None, None, None)
    seeds = tuple(sorted(runs))
    first = runs[seeds[0]]
    return Line(
        variant=variant,
        published=figure,
        params=first.params,
        seeds=seeds,
        test=summarize_seeds([runs[seed].correct for seed in seeds], len(first.hits)),
        val=summarize_seeds([runs[seed].val_correct for seed in seeds], first.val_total),
        against_baseline=_compare(runs, results.get(table.baseline.key, {})) if variant != table.baseline else None,
        minutes=fmean(runs[seed].seconds for seed in seeds) / 60,
    )


def _compare(runs: BySeed, baseline: BySeed) -> Comparison | None:
    """Over the seeds that both have."""
    common = sorted(set(runs) & set(baseline))
    return compare_paired(_hits(runs, common), _hits(baseline, common)) if common else None


def _hits(runs: BySeed, seeds: Sequence[int]) -> Hits:
    return np.array([[answer == "1" for answer in runs[seed].hits] for seed in seeds])
