"""recyclenet data audit."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recyclenet.cli.console import note, progress_bar, table_console

if TYPE_CHECKING:
    from recyclenet.data.audit.findings import Finding
    from recyclenet.data.audit.job import Audit

_SHOWN = 20  # serious findings printed; the report has all


def audit(
    folder: Annotated[Path, typer.Argument(help="A data folder as for train, or a fold's splits file.", metavar="DIR")],
    out: Annotated[
        Path | None, typer.Option(help="Write CSV, JSON, Markdown and an HTML page with thumbnails into this folder.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="Whose embeddings labels are checked with (.onnx).", show_default="the bundled model"),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Check labels: the model runs on every photo.")
    ] = True,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit code 1 for anything serious: one picture with two labels or in two splits, photos that cannot "
            "be read, a folder that holds its photos twice.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the tables.")] = False,
) -> None:
    """Find copies (also turned, cropped, resized), leaks between splits, bad files, labels that look mistaken."""
    from recyclenet.data.audit.job import audit as run_audit
    from recyclenet.data.audit.report import to_table, write_audit
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.predictor import Predictor

    opened = open_photo_folder(folder)
    predictor = Predictor(model) if labels else None
    with progress_bar("photos") as bar:
        found = run_audit(opened, predictor, on_progress=bar.rename)
    # Written before printed: `audit … | head` must not cost the report.
    files = write_audit(found, out) if out is not None else []
    if as_json:
        typer.echo(json.dumps(to_table(found)))
    else:
        _print(found)
    if files:
        note(f"written to {out}: {', '.join(path.name for path in files)}")
    if strict and found.is_serious:
        raise typer.Exit(1)


def _print(audit: "Audit") -> None:
    from recyclenet.data.audit.findings import KINDS, SERIOUS
    from recyclenet.data.audit.report import summary_lines

    console = table_console()
    for line in summary_lines(audit):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    table = Table("kind", "what", "found", "")
    table.columns[2].justify = "right"
    for kind, words in KINDS.items():
        count = len(audit.of_kind(kind))
        table.add_row(kind, words, str(count), "serious" if kind in SERIOUS and count else "")
    console.print(table)
    serious = [finding for finding in audit.findings if finding.is_serious]
    if serious:
        _print_serious(console, serious[:_SHOWN])
    if len(serious) > _SHOWN:
        console.print(f"… and {len(serious) - _SHOWN} more of these; --out FOLDER writes all", highlight=False)


def _print_serious(console: Console, findings: "list[Finding]") -> None:
    table = Table("kind", "photo", "other", "score", "reason")
    for column in table.columns[1:3]:
        column.overflow = "fold"
    for finding in findings:
        score = "" if finding.score is None else f"{finding.score:.3f}"
        table.add_row(finding.kind, Text(finding.photo), Text(finding.other), score, Text(finding.reason))
    console.print(table)
