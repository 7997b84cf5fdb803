"""recyclenet export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from recyclenet.cli.model_options import view_of
from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra

if TYPE_CHECKING:
    from recyclenet.quantize.calibration import Method

_MOST_PHOTOS = 32  # enough to tell, and they go through the network as one batch


def export(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="A checkpoint, such as RUN/best.safetensors, or bundled; with --int8 also an exported .onnx."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("model.onnx"),
    photos: Annotated[
        list[str] | None,
        typer.Option(
            help="Photos or folders to compare on (the first 32). May be repeated.",
            show_default="sample photos",
        ),
    ] = None,
    img_size: Annotated[
        int | None,
        typer.Option(help="Side of the exported model's input in pixels.", show_default="the checkpoint's"),
    ] = None,
    resize: Annotated[
        int | None,
        typer.Option(help="With --img-size: shorter side before the centre crop.", show_default="img-size / 0.875"),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Less than a third of the size and faster: 8-bit weights and arithmetic.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="With --int8: the data folder; calibrated on train, judged on val.")
    ] = None,
    max_worse: Annotated[
        int,
        typer.Option(help="With --int8: val photos that may turn from right to wrong; more, and nothing is written."),
    ] = 2,
    max_mb: Annotated[float, typer.Option(help="With --int8: the largest file, in megabytes.")] = 3.5,
    calibration: Annotated[
        str, typer.Option(help="With --int8: how ranges are cut: mse, minmax or percentile.")
    ] = "mse",
    calibration_photos: Annotated[int, typer.Option(help="With --int8: train photos to calibrate on.")] = 256,
    seed: Annotated[int, typer.Option(help="With --int8: which train photos.")] = 0,
    layers: Annotated[
        bool, typer.Option("--layers", help="With --int8: measure what each layer loses in 8 bits, for the report.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="With --int8: write every figure as JSON.")] = None,
) -> None:
    """Write a checkpoint as one .onnx file that answers without torch, and check that it answers the same."""
    require_extra("train", "export")
    if not int8:
        if data is not None or report is not None:
            raise RecycleNetError("--data and --report go with --int8; to compare on photos of your own use --photos")
        _export_floats(checkpoint, out, photos, view_of(img_size, resize))
        return
    if img_size is not None:
        raise RecycleNetError("--img-size does not go with --int8: export with it first, then make that file small")
    if data is None:
        raise RecycleNetError("--int8 needs --data, a folder split into train and val, to calibrate and to compare on")
    from recyclenet.cli.export_int8 import run_int8
    from recyclenet.quantize.job import Int8Settings

    settings = Int8Settings(
        photos=calibration_photos,
        method=cast("Method", calibration),
        seed=seed,
        max_worse=max_worse,
        max_mb=max_mb,
        measure_layers=layers,
    )
    run_int8(checkpoint, out, data, settings, report)


def _export_floats(checkpoint: Path, out: Path, photos: list[str] | None, view: tuple[int, int] | None) -> None:
    from recyclenet.cli.console import note
    from recyclenet.cli.photo_arguments import photos_or_samples
    from recyclenet.export import export as run_export

    paths, are_real = photos_or_samples(photos)
    report = run_export(checkpoint, out, paths[:_MOST_PHOTOS], view=view)
    typer.echo(
        f"{report.path}: {report.size / 1e6:.1f} MB; on {report.photos} {'photos' if are_real else 'drawn pictures'} "
        f"logits differ from the checkpoint's by at most {report.logits_difference:.1e}, evidence maps by "
        f"{report.cam_difference:.1e} of their largest value"
    )
    if not are_real:
        note("no real photos could be had: compare on some of yours with --photos before you rely on it")
