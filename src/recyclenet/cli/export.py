"""recyclenet export."""

from pathlib import Path
from typing import Annotated

import typer

from recyclenet.extras import require_extra

_MOST_PHOTOS = 32  # enough to tell, and they go through the network as one batch


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint, such as RUN/best.safetensors.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("model.onnx"),
    photos: Annotated[
        list[str] | None,
        typer.Option(
            help="Photos or folders to compare on (the first 32). May be repeated.",
            show_default="sample photos",
        ),
    ] = None,
) -> None:
    """Write a checkpoint as one .onnx file that answers without torch, and check that it answers the same."""
    require_extra("train", "export")
    from recyclenet.cli.console import note
    from recyclenet.cli.photo_arguments import photos_or_samples
    from recyclenet.export import export as run_export

    paths, are_real = photos_or_samples(photos)
    report = run_export(checkpoint, out, paths[:_MOST_PHOTOS])
    typer.echo(
        f"{report.path}: {report.size / 1e6:.1f} MB; on {report.photos} {'photos' if are_real else 'drawn pictures'} "
        f"logits differ from the checkpoint's by at most {report.logits_difference:.1e}, evidence maps by "
        f"{report.cam_difference:.1e} of their largest value"
    )
    if not are_real:
        note("no real photos could be had: compare on some of yours with --photos before you rely on it")
