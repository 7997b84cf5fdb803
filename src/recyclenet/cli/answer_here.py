"""Photos answered in this process and shown as they come: the part of `recyclenet predict` that does the work."""

import csv
import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recyclenet.atomic import make_folder, replace_file
from recyclenet.cli.console import print_line
from recyclenet.cli.picture_names import PictureNames

if TYPE_CHECKING:
    from recyclenet.answers import Answer
    from recyclenet.cli.answer_table import AnswerTable


def answer_here(
    photos: list[str],
    model: Path | None,
    rules: str,
    *,
    as_json: bool,
    csv_file: Path | None = None,
    heatmaps: Path | None = None,
) -> int:
    """Answers photos, folders and globs; how many photos could not be read.

    Args:
        photos: as on the command line.
        model: an exported file; the bundled model by default.
        rules: a shipped name or a file.
        as_json: one object a line instead of a table.
        csv_file: written beside.
        heatmaps: a folder for each photo's evidence.

    Raises:
        RecycleNetError: model, rules or a folder cannot be used.
    """
    from recyclenet.answers import answer_photos, open_predictor
    from recyclenet.cli.console import note
    from recyclenet.cli.photo_arguments import gather_photos
    from recyclenet.outputs import check_report
    from recyclenet.rules import load_rules

    chosen = load_rules(rules)
    paths = list(gather_photos(photos))
    check_report(csv_file, "--csv", paths)
    predictor = open_predictor(model, len(paths))
    if predictor.description.calibration is None:
        note(f"{predictor.name} has no calibration: no doubt is shown; 'recyclenet calibrate' adds it")
    if (gap := chosen.gap(predictor.classes)) is not None:
        note(gap)
    failed = 0
    table = None if as_json else _answer_table()
    with ExitStack() as stack:
        writer = None
        if csv_file is not None:
            temporary = stack.enter_context(replace_file(csv_file))
            writer = _CsvAnswers(stack, temporary, predictor.classes)
        pictures = _HeatmapFolder(heatmaps) if heatmaps is not None else None
        for answer in _with_progress(answer_photos(predictor, paths, chosen), len(paths)):
            failed += answer.prediction is None
            if writer is not None:
                writer.add(answer)
            if pictures is not None:
                pictures.add(answer)
            if table is not None:
                table.add(answer)
            elif not print_line(json.dumps(answer.to_table())) and writer is None and pictures is None:
                break  # nobody reads the answers any more, and no file waits for them
    if table is not None:
        table.print()
    if failed:
        print(f"{failed} of {len(paths)} photos could not be read", file=sys.stderr)  # noqa: T201
    return failed


def _answer_table() -> "AnswerTable":
    from recyclenet.cli.answer_table import AnswerTable  # with rich, which --json does without

    return AnswerTable()


def _with_progress(answers: Iterator["Answer"], total: int) -> Iterator["Answer"]:
    """A bar where there is time to look at it."""
    if total < 50 or not sys.stderr.isatty():
        yield from answers
        return
    from recyclenet.cli.console import progress_bar

    with progress_bar("photos") as bar:
        for done, answer in enumerate(answers, start=1):
            yield answer
            bar(done, total)


class _CsvAnswers:
    def __init__(self, stack: ExitStack, path: Path, classes: tuple[str, ...]) -> None:
        self._classes = classes
        # Names that are not Unicode reach Python as surrogates and go out as the bytes they were.
        file = stack.enter_context(path.open("w", encoding="utf-8", errors="surrogateescape", newline=""))
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(
            ["path", "label", "prob", *(f"prob_{name}" for name in classes), "set", "unknown", "bin", "ms", "error"]
        )

    def add(self, answer: "Answer") -> None:
        made = answer.prediction
        row: list[Any] = [answer.path]
        if made is None:
            row += ["", "", *([""] * len(self._classes)), "", "", "", "", answer.error]
        else:
            row += [
                made.label,
                f"{made.prob:.6f}",
                *(f"{value:.6f}" for value in made.probs.values()),
                " or ".join(made.possible or ()),
                "" if made.unknown is None else f"{made.unknown:.6f}",
                "" if answer.decision is None else answer.decision.bin.name,
                f"{made.ms:.3f}",
                "",
            ]
        self._writer.writerow(row)


class _HeatmapFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = make_folder(folder)
        self._names = PictureNames()

    def add(self, answer: "Answer") -> None:
        from recyclenet.pictures.heatmap import heatmap

        made = answer.prediction
        if made is None:
            return
        # Labels come from a model file, which may be a stranger's.
        label = re.sub(r"[^\w.-]", "_", made.label)
        with replace_file(self._folder / self._names.name(answer.path, f"-{label[:20]}")) as temporary:
            heatmap(made).save(temporary)
