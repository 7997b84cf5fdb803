"""recyclenet export --int8: the printed side of it."""

import json
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recyclenet.atomic import write_text
from recyclenet.cli.console import progress_bar
from recyclenet.data.folder import open_photo_folder
from recyclenet.outputs import check_output, check_report
from recyclenet.quantize.job import Int8Report, Int8Settings, export_int8

_SHOWN = 10  # most sensitive layers


def run_int8(source: Path, out: Path, data: Path, settings: Int8Settings, report: Path | None) -> None:
    """Quantizes, prints what was compared, and writes the report if one is wanted."""
    check_report(report, "--report")
    check_output(out, "--out", [source])
    folder = open_photo_folder(data)
    with progress_bar("photos") as bar:
        result = export_int8(source, out, folder, settings, on_progress=bar.rename)
    if report is not None:
        write_text(report, json.dumps(result.to_table(), indent=2) + "\n")
    _print(result)


def _print(result: Int8Report) -> None:
    console = Console()
    last = result.attempts[-1]
    total = last.pair.total
    table = Table("layers in floats", "MB", "val correct", "same answer", "better", "worse", "logits differ, mean")
    table.add_row("all", f"{result.source_size / 1e6:.2f}", f"{result.source_correct} of {total}", "", "", "", "")
    for attempt in result.attempts:
        pair = attempt.pair
        table.add_row(
            Text("\n".join(attempt.kept) or "none"),
            f"{attempt.size / 1e6:.2f}",
            f"{attempt.correct} of {total}",
            f"{pair.agree}",
            f"{pair.better}",
            f"{pair.worse}",
            f"{pair.mean_difference:.3f}",
        )
    console.print(table)
    if result.sensitivities:
        losses = Table("layer alone in 8 bits", "weights", "logits differ, rms")
        for item in result.sensitivities[:_SHOWN]:
            losses.add_row(Text(item.layer), f"{item.size:,}", f"{item.error:.4f}")
        console.print(losses)
    typer.echo(
        f"{result.path}: {last.size / 1e6:.2f} MB instead of {result.source_size / 1e6:.2f}; {last.correct} of {total} "
        f"val photos right instead of {result.source_correct} ({last.pair.better} better, {last.pair.worse} worse)"
    )
