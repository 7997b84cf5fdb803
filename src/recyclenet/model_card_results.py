"""What other commands measured, for a model's card: read from a folder like this repository's results/."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import mean, stdev
from typing import Any, TypeVar
from urllib.parse import quote

from recyclenet.errors import RecycleNetError
from recyclenet.json_file import read_json
from recyclenet.parity import Pair, Timing
from recyclenet.report import markdown_cell
from recyclenet.stress.lines import share
from recyclenet.strict import check_range, from_dict

T = TypeVar("T")

PARITY, FOLDS, ADAPT = "int8/parity-test.json", "folds/best.json", "adapt/scores.json"
PICTURES = {"reliability": "bundled/reliability.png", "risk and coverage": "bundled/risk-coverage.png"}
FILES = (PARITY, FOLDS, ADAPT, *PICTURES.values())
TITLE = "Measured by other commands"

_ADAPTED = ("10 a class", "10 a class, `--replay`")  # the other runs in ADAPT are fewer or more photos, and studies
_MOST = 2**53  # of any count or size: up to it floats hold whole numbers exactly


@dataclass(frozen=True)
class ParityModel:
    """A model file of so many bytes, and how many of `total` photos it answers right."""

    name: str
    bytes: int
    correct: int
    total: int

    def __post_init__(self) -> None:
        check_range("bytes", self.bytes, 0, _MOST)
        _check_counts(self.correct, self.total)


@dataclass(frozen=True)
class ParityFile:
    """Of what `recyclenet parity --out` writes; `timings` is empty where nothing was timed."""

    data: str
    split: str
    models: tuple[ParityModel, ...]
    pairs: tuple[Pair, ...]
    timings: tuple[Timing, ...]


@dataclass(frozen=True)
class Fold:
    """One fold's test photos, answered by a network that was trained on the others."""

    correct: int
    total: int
    macro_f1: float

    def __post_init__(self) -> None:
        _check_counts(self.correct, self.total)
        check_range("macro_f1", self.macro_f1, 0, 1)


@dataclass(frozen=True)
class Adapted:
    """What `recyclenet adapt` did, one value a draw of the photos that were learnt from.

    Attributes:
        before, after: percent of the photos that were not drawn, answered right.
        gain: their difference, in points.
        test_before, test_after: photos answered right of the test split of the model's first training.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    gain: tuple[float, ...]
    test_before: tuple[int, ...]
    test_after: tuple[int, ...]

    def __post_init__(self) -> None:
        columns = (self.before, self.after, self.gain, self.test_before, self.test_after)
        if len(self.gain) < 2 or any(len(column) != len(self.gain) for column in columns):
            raise RecycleNetError("expected figures of two draws or more, as many in each list")
        for value in (value for column in columns for value in column):
            check_range("a figure", value, -_MOST, _MOST)


@dataclass(frozen=True)
class AdaptFile:
    """Of what results/adapt/measure.py writes: runs by the photos that were learnt from."""

    model: str
    runs: dict[str, Adapted]


@dataclass(frozen=True)
class Results:
    """What is in a results folder: None for a file that is not there.

    Attributes:
        folder: the folder.
        parity: floats and 8 bits over the same photos.
        folds: of the recipe `best`.
        adapt: learning from a few photos.
        pictures: where they are, by what they show.
    """

    folder: Path
    parity: ParityFile | None
    folds: tuple[Fold, ...] | None
    adapt: AdaptFile | None
    pictures: dict[str, Path]


def read_results(folder: Path) -> Results:
    """Reads those of FILES that are there.

    Raises:
        RecycleNetError: none of them is, or one is damaged.
    """
    if not any((folder / name).exists() for name in FILES):
        raise RecycleNetError(f"{folder} has nothing for a card: expected {', '.join(FILES[:-1])} or {FILES[-1]}")
    return Results(
        folder,
        _read(folder / PARITY, _parity),
        _read(folder / FOLDS, _folds),
        _read(folder / ADAPT, _adapt),
        {shown: folder / name for shown, name in PICTURES.items() if (folder / name).is_file()},
    )


def results_lines(results: Results, card_folder: Path) -> list[str]:
    """The section in Markdown, as lines; pictures are linked from the folder that the card will be in."""
    lines = [
        f"## {TITLE}",
        "",
        f"Read from files in `{results.folder.resolve().name}`, not measured anew; which model each speaks of is said "
        "with it.",
        "",
    ]
    if results.parity is not None:
        lines += ["### Floats and 8 bits", "", *_parity_lines(results.parity), ""]
    if results.folds is not None:
        lines += ["### The recipe over folds", "", _folds_line(results.folds), ""]
    if results.adapt is not None and results.adapt.runs:
        lines += ["### Learning from a few photos", "", *_adapt_lines(results.adapt), ""]
    if results.pictures:
        pictures = [_picture(shown, path, card_folder) for shown, path in results.pictures.items()]
        lines += ["### Pictures", "", " ".join(pictures), ""]
    return lines


def _parity_lines(found: ParityFile) -> list[str]:
    lines = [
        f"The photos of {markdown_cell(found.data)}, split {markdown_cell(found.split)}, answered by each file "
        f"(`recyclenet parity`, `{PARITY}`):",
        "",
        "| file | MB | right | of | share | 95 % interval |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {markdown_cell(model.name)} | {model.bytes / 1e6:.2f} | {model.correct} | {model.total} | "
        f"{' | '.join(share(model.correct, model.total))} |"
        for model in found.models
    ]
    lines.append("")
    lines += [
        f"- {markdown_cell(pair.second)} against {markdown_cell(pair.first)}: the same answer to {pair.agree} of "
        f"{pair.total} photos, {pair.better} better, {pair.worse} worse (McNemar's p {pair.p_value:.3g})."
        for pair in found.pairs
    ]
    lines += [
        f"- One photo takes {markdown_cell(timing.model)} {timing.median:.1f} ms, {100 * timing.ratio:.0f} % of "
        f"{markdown_cell(found.timings[0].model)}'s time (medians)."
        for timing in found.timings[1:]
    ]
    return lines


def _folds_line(folds: Sequence[Fold]) -> str:
    """As results/folds/summary.py computes it."""
    correct, total = sum(fold.correct for fold in folds), sum(fold.total for fold in folds)
    shares = _spread([100 * fold.correct / fold.total for fold in folds])
    percent, interval = share(correct, total)
    return (
        f"Networks that the recipe `best` trained anew, one for each of {len(folds)} folds (`{FOLDS}`): {shares} % "
        f"right (mean ± standard deviation), macro-F1 {_spread([fold.macro_f1 for fold in folds], 3)}; of all their "
        f"test photos {correct} of {total} = {percent} (95 % interval {interval}). They show what the recipe does; "
        "none of them is this model."
    )


def _adapt_lines(found: AdaptFile) -> list[str]:
    return [
        f"`recyclenet adapt` on {markdown_cell(found.model)} with photos from elsewhere (`{ADAPT}`), mean ± standard "
        "deviation over draws; right and gain are of the photos that were not drawn, and the last two columns count "
        "test photos of what it had learnt before:",
        "",
        "| photos learnt from | draws | right before, % | right after, % | gain, points | test before | test after |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {name} | {len(run.gain)} | {_spread(run.before)} | {_spread(run.after)} | **{_spread(run.gain)}** | "
            f"{_spread(run.test_before)} | {_spread(run.test_after)} |"
            for name, run in found.runs.items()
        ),
    ]


def _spread(values: Sequence[float], digits: int = 1) -> str:
    return f"{mean(values):.{digits}f} ± {stdev(values):.{digits}f}"


def _picture(shown: str, path: Path, folder: Path) -> str:
    try:
        relative = os.path.relpath(path.resolve(), folder.resolve()).replace(os.sep, "/")
    except ValueError:  # Windows: another drive, to which no relative path leads
        return f"{shown}: `{path.name}`."
    return f"![{shown}]({quote(os.fsencode(relative))})"  # a blank would end the link


def _read(path: Path, parse: Callable[[Any, str], T]) -> T | None:
    """Parses the JSON, told the file's name for errors; None where there is no file."""
    try:
        table = read_json(path)
    except FileNotFoundError:
        return None
    return parse(table, str(path))


def _parity(table: Any, where: str) -> ParityFile:
    table = _kept(ParityFile, table)
    if isinstance(table, dict) and isinstance(table.get("models"), list):
        table["models"] = [_kept(ParityModel, model) for model in table["models"]]
    return from_dict(ParityFile, table, where)


def _folds(table: Any, where: str) -> tuple[Fold, ...]:
    if not isinstance(table, list) or len(table) < 2:
        raise RecycleNetError(f"{where}: expected a list of two folds or more")
    return tuple(from_dict(Fold, _kept(Fold, fold), f"{where}: fold {place}") for place, fold in enumerate(table, 1))


def _adapt(table: Any, where: str) -> AdaptFile:
    table = _kept(AdaptFile, table)
    if isinstance(table, dict) and isinstance(table.get("runs"), dict):
        table["runs"] = {name: _kept(Adapted, table["runs"][name]) for name in _ADAPTED if name in table["runs"]}
    return from_dict(AdaptFile, table, where)


def _kept(cls: type[Any], table: Any) -> Any:
    """A table without what the dataclass has no field for: the files say more than a card."""
    names = {item.name for item in fields(cls)}
    return {key: value for key, value in table.items() if key in names} if isinstance(table, dict) else table


def _check_counts(correct: int, total: int) -> None:
    check_range("total", total, 1, _MOST)
    check_range("correct", correct, 0, total)
