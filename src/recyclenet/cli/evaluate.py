"""recyclenet evaluate."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from recyclenet.evaluate import Evaluation


def evaluate(
    data: Annotated[Path, typer.Option(help="The data folder.")],
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A checkpoint (.safetensors, .pth.tar) or an exported model (.onnx).", show_default="the bundled model"
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "test",
    out: Annotated[
        Path | None, typer.Option(help="Write JSON, Markdown, HTML, CSV and a picture into this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the tables.")] = False,
) -> None:
    """Measure a model: accuracy with its interval, per-class scores, confusion matrix, likelihood, calibration."""
    from recyclenet.cli.console import progress_bar
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.evaluate import evaluate as run_evaluation
    from recyclenet.evaluate import load_model
    from recyclenet.report import to_table, write_report

    loaded = load_model(model)
    folder = open_photo_folder(data)
    with progress_bar("photos") as bar:
        evaluation = run_evaluation(loaded, folder, split, on_progress=bar)
    # Written before printed: `evaluate … | head` must not cost the report.
    files = write_report(evaluation, out, folder.root) if out is not None else []
    if as_json:
        typer.echo(json.dumps(to_table(evaluation)))
    else:
        _print(evaluation)
    if files:
        typer.echo(f"written to {out}: {', '.join(path.name for path in files)}", err=as_json)


def _print(evaluation: "Evaluation") -> None:
    from recyclenet.report import headline

    console, scores = Console(), evaluation.scores
    classes = evaluation.model.description.classes
    title = f"{evaluation.model.name} on {evaluation.data}, split {evaluation.split}"
    console.print(title, highlight=False, markup=False, soft_wrap=True)
    console.print(f"accuracy  [bold]{headline(scores)}[/bold]", highlight=False, soft_wrap=True)
    console.print(f"macro-F1 {scores.macro_f1:.3f}   NLL {scores.nll:.3f}   ECE {scores.ece:.3f}", highlight=False)
    table = Table("class", "precision", "recall", "F1", "photos")
    for item in scores.per_class:
        table.add_row(
            Text(item.label), f"{item.precision:.3f}", f"{item.recall:.3f}", f"{item.f1:.3f}", str(item.support)
        )
    console.print(table)
    if len(classes) > 12:
        return  # too wide for a terminal; the report has it
    matrix = Table("true \\ answer", *map(escape, classes))
    for name, row in zip(classes, scores.confusion, strict=True):
        cells = (f"[bold]{value}[/bold]" if classes[i] == name else str(value or "·") for i, value in enumerate(row))
        matrix.add_row(Text(name), *cells)
    console.print(matrix)
