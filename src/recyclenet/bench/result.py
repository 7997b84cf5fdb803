"""What a benchmark found: a table of ways with their times, for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import recyclenet
from recyclenet.bench.in_turn import Rounds, Spread, spread
from recyclenet.machine import commit, describe, usable_cores


@dataclass(frozen=True)
class Line:
    """One way to do the job.

    Attributes:
        name: what it is.
        taken: time, in the table's unit.
        ratio: its time divided by the reference's in the same round.
    """

    name: str
    taken: Spread
    ratio: Spread


@dataclass(frozen=True)
class Aim:
    """What was aimed at, and whether the measured ratio of medians reaches it.

    Attributes:
        text: in words.
        ratio: of the two medians in question.
        limit: that it should reach, or stay below with `at_most`.
    """

    text: str
    ratio: float
    limit: float
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether it is."""
        return self.ratio <= self.limit if self.at_most else self.ratio >= self.limit


@dataclass(frozen=True)
class BenchTable:
    """Ways to do one job, measured in turn.

    Attributes:
        title: the job.
        unit: of the times.
        reference: the line that ratios refer to.
        rounds: how often each was measured.
        lines: the ways.
        aims: what was aimed at.
        remarks: what else there is to say.
        figures: further measured values by name.
    """

    title: str
    unit: str
    reference: str
    rounds: int
    lines: tuple[Line, ...]
    aims: tuple[Aim, ...] = ()
    remarks: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


def lines_of(taken: Rounds, reference: str, factor: float) -> tuple[Line, ...]:
    """A line for each way, its ratio taken round by round; `factor` turns seconds into the table's unit."""
    return tuple(
        Line(name, spread(seconds).times(factor), spread(seconds / taken[reference])) for name, seconds in taken.items()
    )


def skipped(title: str, reason: str) -> BenchTable:
    """A table without lines, of what cannot be measured here."""
    return BenchTable(title, "", "", 0, (), remarks=(f"Skipped: {reason}.",))


def to_json(tables: Sequence[BenchTable]) -> dict[str, Any]:
    """Everything as plain values, with the machine."""
    return {
        "recyclenet": recyclenet.__version__,
        "commit": commit(),
        "machine": {**describe(), "usable_cores": usable_cores()},
        "tables": [asdict(table) | {"aims": [_aim(aim) for aim in table.aims]} for table in tables],
    }


def _aim(aim: Aim) -> dict[str, Any]:
    return asdict(aim) | {"is_met": aim.is_met}


def to_markdown(tables: Sequence[BenchTable], command: str) -> str:
    """A page: the machine, the command, a table each."""
    machine = describe()
    parts = [
        "# Speed",
        f"`{command}` on {machine['processor'] or 'an unnamed processor'}, {usable_cores()} cores; Python "
        f"{machine['python']}, {machine['system']}. Medians, and in brackets the middle half, of ways measured in "
        "turn; a ratio is of times in the same round.",
    ]
    for table in tables:
        if not table.lines:
            parts.append(f"{table.title}: {' '.join(table.remarks)}")
            continue
        rows = [f"| {table.title} | {table.unit} | of the time of {table.reference} |", "|---|---|---|"]
        rows += [f"| {line.name} | {shown(line.taken)} | {shown(line.ratio)} |" for line in table.lines]
        notes = [f"- {remark}" for remark in (*map(aim_text, table.aims), *table.remarks)]
        parts += ["\n".join(rows), "\n".join([f"- {table.rounds} rounds.", *notes])]
    return "\n\n".join(parts) + "\n"


def shown(values: Spread) -> str:
    """As in "3.21 (3.10–3.40)"."""
    return f"{_digits(values.median)} ({_digits(values.low)}–{_digits(values.high)})"


def aim_text(aim: Aim) -> str:
    """As in "aim: at least 5 times as fast as …: 6.1, met"."""
    sign = "at most" if aim.at_most else "at least"
    return f"Aim: {aim.text}, {sign} {_digits(aim.limit)}: {_digits(aim.ratio)}, {'met' if aim.is_met else 'missed'}."


def _digits(value: float) -> str:
    """Three figures that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
