"""recyclenet calibrate."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from recyclenet.extras import require_extra


def calibrate(
    model: Annotated[Path, typer.Argument(help="An exported model (.onnx) or a checkpoint (.safetensors).")],
    data: Annotated[
        Path, typer.Option(help="The data folder that it was trained on; its val and train splits are used.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write.", show_default="the model's own file")
    ] = None,
    coverage: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="How often the set of possible answers should hold the true one.")
    ] = 0.95,
) -> None:
    """Fit on val how far a model's answers can be trusted, and write that into its file; the weights stay."""
    require_extra("train", "calibrate")
    from recyclenet.calibrate import calibrate as fit
    from recyclenet.calibration import calibrated_probs
    from recyclenet.cli.console import note, progress_bar
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.evaluate import load_model
    from recyclenet.metrics import expected_calibration_error
    from recyclenet.redescribe import check_endings, write_description

    target = model if out is None else out
    check_endings(model, target)
    loaded = load_model(model)
    bare = replace(loaded, description=replace(loaded.description, calibration=None))
    with progress_bar("photos") as bar:
        fitted = fit(bare, open_photo_folder(data), coverage=coverage, on_progress=bar)
    calibration = fitted.calibration
    write_description(model, replace(loaded.description, calibration=calibration), target)
    after = expected_calibration_error(calibrated_probs(fitted.val.logits, calibration), fitted.val.targets)
    typer.echo(
        f"{target}: temperature {calibration.temperature:.3f}, on {calibration.photos} val photos ECE "
        f"{fitted.val.scores.ece:.3f} → {after:.3f}; sets by {calibration.set_method}, {100 * coverage:g} %"
    )
    if calibration.unknown is None:
        note("no unknown score: the model has no output 'features'; export it again with this version")
