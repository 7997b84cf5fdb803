"""recyclenet stress."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from recyclenet.extras import require_extra

if TYPE_CHECKING:
    from recyclenet.stress.job import Stress


def stress(
    data: Annotated[Path, typer.Option(help="The data folder.")],
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A checkpoint (.safetensors, .pth.tar) or an exported model (.onnx).", show_default="the bundled model"
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "test",
    out: Annotated[Path | None, typer.Option(help="Also write the table as JSON to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the table.")] = False,
) -> None:
    """Measure a model on photos that are not like its training's: other surfaces, blur, turns, light, JPEG."""
    require_extra("train", "stress")
    from recyclenet.atomic import write_text
    from recyclenet.cli.console import progress_bar
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.evaluate import load_model
    from recyclenet.stress.job import run_stress

    loaded = load_model(model)
    folder = open_photo_folder(data)
    with progress_bar("photos") as bar:
        found = run_stress(loaded, folder, split, on_progress=bar)
    table = _to_table(found)
    if out is not None:
        write_text(out, json.dumps(table, indent=2) + "\n")
    if as_json:
        typer.echo(json.dumps(table))
    else:
        _print(found)


def _to_table(found: "Stress") -> dict[str, Any]:
    rows = [
        {
            "condition": row.condition.name,
            "meaning": row.condition.meaning,
            "correct": row.correct,
            "total": row.total,
            "interval_95": row.interval,
            "unchanged_correct": row.unchanged,
            "comparison": asdict(row.comparison),
        }
        for row in found.rows
    ]
    return {
        "model": found.model,
        "data": found.data,
        "split": found.split,
        "correct": found.correct,
        "total": found.total,
        "conditions": rows,
    }


def _print(found: "Stress") -> None:
    from recyclenet.cli.console import table_console

    title = f"{found.model} on {found.data}, split {found.split}: {found.correct} of {found.total} as they are"
    table = Table("photos", "right", "of", "share", "95 % interval", "same photos, as they are", "p", title=title)
    for row in found.rows:
        low, high = row.interval
        table.add_row(
            row.condition.meaning,
            str(row.correct),
            str(row.total),
            f"{100 * row.correct / row.total:.1f} %" if row.total else "–",
            f"{100 * low:.1f}–{100 * high:.1f}",
            str(row.unchanged),
            f"{row.comparison.p_value:.2g}",
        )
    table_console().print(table)
