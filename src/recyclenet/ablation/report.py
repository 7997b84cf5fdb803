"""An ablation for people and for programs: Markdown, JSON, a picture."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recyclenet.ablation.tables import FilledTable, Line
from recyclenet.atomic import replace_file, write_text
from recyclenet.comparison import SeedSummary

NOT_MEASURED = "–"

HEADINGS = (
    "network",
    "parameters",
    "published",
    "test, mean of seeds",
    "accuracy",
    "95 % interval",
    "better / worse",
    "p",
    "val",
    "seeds",
    "minutes a run",
)

_NOTES = """\
"test, mean of seeds" counts correct answers, ± the standard deviation over seeds; the epoch was chosen on val. The
interval is Wilson's at the mean: what another draw of as many photos could show. "better / worse" counts the photos
that more, or fewer, seeds answer right than with the baseline (the line without figures there), and p is the exact
McNemar test of that: photos are its units, so that more seeds do not make a small difference look certain. It speaks
of these trained networks; what another training would give is in the ±. Of {comparisons} comparisons, up to
{expected:.1f} can be expected below 0.05 by chance alone. "minutes a run" leaves out features that runs share.
"published" is the original's figure for this network and start; {dash} means: not measured here, or not published."""


def write_report(out: Path, suite: str, facts: dict[str, Any], tables: Sequence[FilledTable]) -> list[Path]:
    """Writes SUITE.json, SUITE.md and SUITE.png into `out`; returns their paths.

    Args:
        out: the folder.
        suite: its name.
        facts: what every figure depends on: command, settings, machine.
        tables: filled as far as the runs went.
    """
    paths = [out / f"{suite}.{ending}" for ending in ("json", "md", "png")]
    write_text(paths[0], json.dumps({"suite": suite, **facts, "tables": to_json(tables)}, indent=2) + "\n")
    write_text(paths[1], to_markdown(suite, facts, tables))
    with replace_file(paths[2]) as temporary:
        _draw(tables, temporary)
    return paths


def to_json(tables: Sequence[FilledTable]) -> list[dict[str, Any]]:
    """Every figure, unrounded."""
    return [
        {
            "title": filled.table.title,
            "arch": filled.table.arch,
            "baseline": filled.table.baseline.key,
            "lines": [{"key": line.variant.key, "name": line.variant.name, **asdict(line)} for line in filled.lines],
        }
        for filled in tables
    ]


def to_markdown(suite: str, facts: dict[str, Any], tables: Sequence[FilledTable]) -> str:
    """All tables, with what they were measured by and how they are to be read."""
    lines = [f"# Ablation: {suite}", ""]
    for filled in tables:
        lines += [f"## {filled.table.title}: {filled.table.arch}", "", *markdown_table(filled), ""]
    comparisons = len(
        {
            (filled.table.baseline.key, line.variant.key)
            for filled in tables
            for line in filled.lines
            if line.against_baseline is not None
        }
    )
    lines += [_NOTES.format(comparisons=comparisons, expected=0.05 * comparisons, dash=NOT_MEASURED), ""]
    lines += ["| | |", "|---|---|", *(f"| {key} | {_fact(value)} |" for key, value in facts.items()), ""]
    return "\n".join(lines)


def markdown_table(filled: FilledTable) -> list[str]:
    """One table's lines."""
    rows = [f"| {' | '.join(cells(line))} |" for line in filled.lines]
    return [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|", *rows]


def cells(line: Line) -> list[str]:
    """One text for each of HEADINGS."""
    return [
        line.variant.name,
        NOT_MEASURED if line.params is None else f"{line.params:,}",
        NOT_MEASURED if line.published is None else f"{line.published.correct} ({line.published.accuracy:.1f} %)",
        *_seed_cells(line.test),
        NOT_MEASURED
        if line.against_baseline is None
        else f"{line.against_baseline.better} / {line.against_baseline.worse}",
        NOT_MEASURED if line.against_baseline is None else f"{line.against_baseline.p_value:.3f}",
        NOT_MEASURED if line.val is None else f"{line.val.mean:.1f} of {line.val.total}",
        str(len(line.seeds)) if line.seeds else NOT_MEASURED,
        NOT_MEASURED if line.minutes is None else f"{line.minutes:.1f}",
    ]


def _seed_cells(summary: SeedSummary | None) -> list[str]:
    if summary is None:
        return [NOT_MEASURED] * 3
    spread = "" if summary.deviation is None else f" ± {summary.deviation:.1f}"
    share = "" if summary.deviation is None else f" ± {100 * summary.deviation / summary.total:.1f}"
    low, high = summary.interval
    return [
        f"{summary.mean:.1f}{spread} of {summary.total}",
        f"{100 * summary.mean / summary.total:.1f}{share} %",
        f"{100 * low:.1f}–{100 * high:.1f}",
    ]


def _fact(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("|", "\\|")


def _draw(tables: Sequence[FilledTable], path: Path) -> None:
    """A line a variant: interval as a bar, mean as a dot, seeds as small marks, the published figure as a ring."""
    from matplotlib.figure import Figure  # no pyplot: no global state, no display

    heights = [len(filled.lines) + 1.2 for filled in tables]
    figure = Figure(figsize=(9, max(2.0, 0.42 * sum(heights) + 0.6)), layout="constrained")
    axes = figure.subplots(len(tables), 1, squeeze=False, height_ratios=heights, sharex=True)[:, 0]
    for ax, filled in zip(axes, tables, strict=True):
        for place, line in enumerate(filled.lines):
            if line.test is not None:
                _draw_line(ax, -place, line.test)
            if line.published is not None:
                ax.plot(line.published.accuracy, -place, "o", mfc="none", mec="C3", ms=8, zorder=3)
        ax.set_yticks([-place for place in range(len(filled.lines))], [line.variant.name for line in filled.lines])
        ax.set_ylim(0.6 - len(filled.lines), 0.6)
        ax.set_title(f"{filled.table.title}: {filled.table.arch}", fontsize=10, loc="left")
        ax.grid(axis="x", alpha=0.3)
    axes[-1].set_xlabel("test accuracy, %: mean with 95 % interval, single seeds, published (red ring)")
    figure.savefig(path, dpi=120)


def _draw_line(ax: Any, place: int, test: SeedSummary) -> None:
    low, high = test.interval
    ax.plot([100 * low, 100 * high], [place, place], color="C0", lw=4, alpha=0.3, solid_capstyle="butt")
    ax.plot([100 * count / test.total for count in test.counts], [place] * len(test.counts), "|", color="C0", ms=9)
    ax.plot(100 * test.mean / test.total, place, "o", color="C0", ms=5)
