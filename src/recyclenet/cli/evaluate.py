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
    from recyclenet.sorting import Sorting, Stream


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
    rules: Annotated[
        str | None,
        typer.Option(
            help="Also measure decisions by these rules: a shipped name or a .toml file.", show_default="none"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the tables.")] = False,
) -> None:
    """Measure a model: accuracy with its interval, per-class scores, confusion matrix, likelihood, calibration."""
    from recyclenet.cli.console import progress_bar
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.evaluate import evaluate as run_evaluation
    from recyclenet.evaluate import load_model
    from recyclenet.report import to_table, write_report
    from recyclenet.rules import load_rules
    from recyclenet.sorting import sort_photos

    chosen = None if rules is None else load_rules(rules)
    loaded = load_model(model)
    folder = open_photo_folder(data)
    with progress_bar("photos") as bar:
        evaluation = run_evaluation(loaded, folder, split, on_progress=bar)
    sorting = None if rules is None or chosen is None else sort_photos(evaluation, chosen, rules)
    # Written before printed: `evaluate … | head` must not cost the report.
    files = write_report(evaluation, out, folder.root, sorting) if out is not None else []
    if as_json:
        typer.echo(json.dumps(to_table(evaluation, sorting)))
    else:
        _print(evaluation)
        if sorting is not None:
            _print_sorting(sorting)
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
    _print_trust(console, evaluation)
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


def _print_trust(console: Console, evaluation: "Evaluation") -> None:
    if evaluation.model.description.calibration is None:
        console.print("not calibrated: recyclenet calibrate MODEL --data DIR", highlight=False, soft_wrap=True)
        return
    from recyclenet.trust import PRECISION, chance_of, measure_trust

    trust = measure_trust(evaluation)
    selective = trust.selective
    console.print(
        f"{chance_of(trust)} Before calibration it was {trust.ece_before:.3f}.\n"
        f"sets of {trust.mean_size:.2f} on average hold the true class for "
        f"{trust.covered}/{trust.total} = {100 * trust.covered / trust.total:.1f} %\n"
        f"with {100 * PRECISION:g} % right {selective.answered}/{selective.total} = "
        f"{100 * selective.answered / selective.total:.1f} % can be answered",
        highlight=False,
        soft_wrap=True,
    )


def _print_sorting(sorting: "Sorting") -> None:
    decided, argmax = sorting.decided, sorting.argmax
    table = Table("decision", "right bin", "wrong bin", "asked", "cost", title=f"into bins, rules {sorting.rules}")
    for name, item in (("least expected cost", decided), ("likeliest material", argmax)):
        wrong = item.total - item.asked - item.correct
        table.add_row(name, str(item.correct), str(wrong), str(item.asked), f"{item.cost:.3f}")
    streams = Table("stream", "foreign, least expected cost", "foreign, likeliest material")
    for one, other in zip(decided.streams, argmax.streams, strict=True):
        streams.add_row(Text(one.bin), _foreign(one), _foreign(other))
    console = Console()
    console.print(table)
    console.print(streams)


def _foreign(stream: "Stream") -> str:
    share = f" = {100 * stream.foreign / stream.photos:.1f} %" if stream.photos else ""
    return f"{stream.foreign} of {stream.photos}{share}"
