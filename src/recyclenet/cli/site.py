"""recyclenet site."""

import json
from pathlib import Path
from typing import Annotated

import typer


def site(
    out: Annotated[Path, typer.Option(help="The folder to write: new, empty, or an earlier site.")],
    model: Annotated[
        Path | None, typer.Option(help="An exported .onnx file.", show_default="the bundled model")
    ] = None,
    rules: Annotated[
        str, typer.Option(help="Which material goes where: a shipped name or a .toml file of your own.")
    ] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the text.")] = False,
) -> None:
    """Write the page as a folder for any static host: the model answers in the browser, photos stay on the device."""
    from recyclenet.cli.console import note
    from recyclenet.predictor import Predictor, read_model
    from recyclenet.rules import load_rules
    from recyclenet.site.build import site_files
    from recyclenet.site.folder import check_folder, write_site

    check_folder(out)  # first, since what is in the way is known at once
    predictor = Predictor(model)
    if predictor.description.calibration is None:
        note(f"{predictor.name} has no calibration: no doubt is shown; 'recyclenet calibrate' adds it")
    made = site_files(read_model(model), predictor, load_rules(rules))
    write_site(out, made)
    size = sum(map(len, made.values()))
    if as_json:
        typer.echo(json.dumps({"folder": str(out), "files": len(made), "bytes": size}))
        return
    typer.echo(f"The site is in {out}: {len(made)} files, {size / 1e6:.1f} MB, for any static host with https")
    typer.echo(f"To try it here: python3 -m http.server --directory {out} --bind 127.0.0.1 8080")
