"""recyclenet predict."""

from pathlib import Path
from typing import Annotated

import typer

from recyclenet.cli.answer_here import answer_here


def predict(
    photos: Annotated[
        list[str] | None,
        typer.Argument(
            help="Photos, folders, or globs in quotes; with --out also .tar shards and URLs.", show_default=False
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="An exported .onnx file.", show_default="the bundled model")
    ] = None,
    rules: Annotated[
        str, typer.Option(help="Which material goes where: a shipped name or a .toml file of your own.")
    ] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of the table.")] = False,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Also write the answers to this CSV file.")] = None,
    heatmaps: Annotated[
        Path | None, typer.Option(help="Also write each photo with its evidence into this folder.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="For photos without number: write answers into this folder, as Parquet files.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="What runs it: local or ray.", show_default="local")] = None,
    list_file: Annotated[
        Path | None, typer.Option("--list", help="A file with a path or URL a line, beside or instead of PHOTOS.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.", show_default="one a core")] = None,
    part_size: Annotated[int | None, typer.Option(help="Photos a Parquet file.", show_default="1000")] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="An existing cluster: auto or HOST:PORT.", show_default="one of its own")
    ] = None,
) -> None:
    """Say what is on photos. Exit code 1 if any photo could not be read; the others are still answered.

    With --out the same command goes on after a stop, and the exit code is 0 when every photo has its row: its answer,
    or why it could not be read.
    """
    from recyclenet.cli.bulk import BulkOptions, predict_into_folder

    bulk = BulkOptions(out, engine, list_file, workers, part_size, ray_address)
    in_bulk = bulk.check({"--csv": csv_file is not None, "--heatmaps": heatmaps is not None})
    if not photos and list_file is None:
        raise typer.BadParameter("name photos, folders or globs", param_hint="PHOTOS...")
    if in_bulk:
        predict_into_folder(photos or [], model, rules, bulk, as_json)
    else:
        failed = answer_here(photos or [], model, rules, as_json=as_json, csv_file=csv_file, heatmaps=heatmaps)
        raise typer.Exit(failed > 0)
