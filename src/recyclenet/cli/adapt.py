"""recyclenet adapt."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from recyclenet.cli.console import note, progress_bar, table_console
from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra

if TYPE_CHECKING:
    from recyclenet.adapt.result import Adaptation


def adapt(
    data: Annotated[Path, typer.Option(help="Your photos in class folders; 10 of each class are a good start.")],
    model: Annotated[
        Path | None, typer.Argument(help="An exported model (.onnx), or bundled.", show_default="the bundled model")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The .onnx file to write.", show_default="MODEL-DATA.onnx here, if that is no file yet"
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            help="The data folder that the model was trained on: its train photos are remembered by, its val photos "
            "say what was forgotten.",
            show_default="what the model file says of them",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of views and of which photos are held out when.")] = 1234,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the table.")] = False,
) -> None:
    """Teach a model your camera, and new classes, from a few photos, in under a minute; says what that gained."""
    require_extra("adapt", "adapt")
    from recyclenet.adapt.job import adapt as run_adaptation
    from recyclenet.adapt.result import AdaptSettings
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.model_files import is_bundled
    from recyclenet.rules import default_rules

    folder = open_photo_folder(data)
    old_photos = None if replay is None else open_photo_folder(replay)
    source = None if model is None or is_bundled(model) else model
    target = _unused_name(source, data) if out is None else out
    with progress_bar("photos") as bar:
        result = run_adaptation(
            source, target, folder, replay=old_photos, settings=AdaptSettings(seed=seed), on_progress=bar.rename
        )
    for reason in result.skipped:
        note(f"skipped: {reason}")
    if gap := default_rules().gap(item.label for item in result.per_class if item.is_new):
        note(f"{gap}; give --rules a file with a line for each new class under [materials]")
    if as_json:
        typer.echo(json.dumps(result.to_table()))
    else:
        _print(result)


def _unused_name(model: Path | None, data: Path) -> Path:
    """What the file is called where nobody says; raises RecycleNetError where a file has that name."""
    from recyclenet.model_files import BUNDLED, EXPORTED

    path = Path(f"{BUNDLED if model is None else model.stem}-{data.resolve().name}{EXPORTED}")
    if path.exists():
        raise RecycleNetError(f"{path} is already there: give --out to write over it, or another name")
    return path


def _print(result: "Adaptation") -> None:
    table = Table("held-out photos", "photos", "right before", "right after", "after, 95 % interval")
    for column in table.columns[1:]:
        column.justify = "right"
    for item in result.per_class:
        label = f"{item.label} (new)" if item.is_new else item.label
        _add(table, label, item.total, None if item.is_new else item.before, item.after)
    table.add_section()
    if any(item.is_new for item in result.per_class):
        _add(table, "classes that it knew", *result.counts(known_only=True))
    _add(table, "all", *result.counts(known_only=False))
    console = table_console()
    console.print(table)
    for line in _lines(result):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _add(table: Table, label: str, total: int, before: int | None, after: int) -> None:
    from recyclenet.metrics import wilson_interval

    if total == 0:
        return
    low, high = wilson_interval(after, total)
    earlier = "" if before is None else f"{before} = {100 * before / total:.0f} %"
    interval = f"{100 * low:.0f}–{100 * high:.0f} %"
    table.add_row(Text(label), str(total), earlier, f"{after} = {100 * after / total:.0f} %", interval)


_MEMORY = {
    "replay": "old photos that were replayed",
    "imagined": "what the model file says of its training photos; --replay DIR uses these themselves",
    "nothing": "nothing but the pull to the old head: the file has no unknown score ('recyclenet calibrate' adds it)",
}


def _lines(result: "Adaptation") -> list[str]:
    total, _, _ = result.counts(known_only=True)
    p_value = f"p = {result.p_value:.3f}" if result.p_value >= 0.0005 else "p < 0.0005"
    if result.p_value < 0.05 and result.better > result.worse:
        verdict = "a gain larger than chance"
    elif result.p_value < 0.05:
        verdict = "a LOSS larger than chance: keep the model that you have"
    else:
        verdict = "no more than chance could do: take more photos"
    lines = [
        f"of {total} photos of classes that it knew {result.better} are right only now and {result.worse} were right "
        f"only before: {verdict} (McNemar, {p_value})",
    ]
    if result.kept is not None:
        kept = result.kept
        lines.append(
            f"{kept.data}, val: {kept.before} of {kept.total} right before, {kept.after} after "
            f"({kept.better} better, {kept.worse} worse)"
        )
    if result.alike:
        lines.append(
            f"photos of {', '.join(result.alike)} look alike to the model: if they show the same things again, "
            "held-out photos say too much"
        )
    return [
        *lines,
        f"the old head was remembered by {_MEMORY[result.remembered]}",
        f"calibration {result.calibration}",
        f"{result.path}: learnt from all photos, after each was held out once; {result.seconds:.0f} s",
    ]
