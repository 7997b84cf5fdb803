"""recyclenet stress."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra

if TYPE_CHECKING:
    from recyclenet.stress.elsewhere import Elsewhere
    from recyclenet.stress.job import Stress


def stress(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A checkpoint (.safetensors, .pth.tar) or an exported model (.onnx).", show_default="the bundled model"
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A data folder whose photos are changed: other surfaces, blur, light, …")
    ] = None,
    split: Annotated[str, typer.Option(help="Of --data: train, val, test, or all.")] = "test",
    elsewhere: Annotated[
        Path | None,
        typer.Option(
            help="Folders of photos from somewhere else, named by class: glass/, paper_or_cardboard/ (either is "
            "right), unknown/ (none of the classes)."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write everything as JSON to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the tables.")] = False,
) -> None:
    """Measure a model on photos that are not like its training's."""
    if data is None and elsewhere is None:
        raise RecycleNetError("nothing to measure on: give --data, --elsewhere or both")
    if data is not None:
        require_extra("train", "stress --data")
    from recyclenet.atomic import write_text
    from recyclenet.cli.console import progress_bar
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.evaluate import load_model
    from recyclenet.outputs import check_report
    from recyclenet.stress.elsewhere import measure_elsewhere

    check_report(out, "--out")
    loaded = load_model(model)
    changed = others = None
    with progress_bar("photos") as bar:
        if data is not None:
            from recyclenet.stress.job import run_stress

            changed = run_stress(loaded, open_photo_folder(data), split, on_progress=bar)
        if elsewhere is not None:
            others = measure_elsewhere(loaded, elsewhere, on_progress=bar)
    table: dict[str, Any] = {
        "model": loaded.name,
        "changed": None if changed is None else changed.to_table(),
        "elsewhere": None if others is None else asdict(others),
    }
    if out is not None:
        write_text(out, json.dumps(table, indent=2) + "\n")
    if as_json:
        typer.echo(json.dumps(table))
        return
    if changed is not None:
        _print_changed(changed)
    if others is not None:
        _print_elsewhere(others)


def _print_changed(found: "Stress") -> None:
    from recyclenet.cli.console import table_console
    from recyclenet.stress.lines import share

    title = f"{found.model} on {found.data}, split {found.split}: {found.correct} of {found.total} as they are"
    table = Table("photos", "right", "of", "share", "95 % interval", "same photos, as they are", "p", title=title)
    for row in found.rows:
        counts = (str(row.correct), str(row.total), *share(row.correct, row.total))
        table.add_row(row.condition.meaning, *counts, str(row.unchanged), f"{row.comparison.p_value:.2g}")
    table_console().print(table)


def _print_elsewhere(found: "Elsewhere") -> None:
    from recyclenet.cli.console import table_console
    from recyclenet.stress.lines import share

    table = Table("folder", "right", "of", "share", "95 % interval", title=f"photos from {found.data}")
    for place in found.places:
        table.add_row(Text(place.name), str(place.correct), str(place.total), *share(place.correct, place.total))
    table.add_section()
    table.add_row("all", str(found.correct), str(found.total), *share(found.correct, found.total))
    console = table_console()
    console.print(table)
    if (strangers := found.strangers) is not None:
        console.print(
            f"none of the classes: AUROC {strangers.auroc:.3f}, FPR95 {strangers.fpr95:.3f}; said of "
            f"{strangers.named} of {strangers.total}, and wrongly of {strangers.misnamed} of {strangers.friends}",
            highlight=False,
        )
