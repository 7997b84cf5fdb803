"""recyclenet model-card."""

from pathlib import Path
from typing import Annotated

import typer

from recyclenet.extras import require_extra


def model_card(
    data: Annotated[Path, typer.Option(help="The data folder with the splits val and test.")],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("docs/model-card.md"),
    model: Annotated[
        Path | None, typer.Argument(help="An exported .onnx file.", show_default="the bundled model")
    ] = None,
    stress: Annotated[bool, typer.Option("--stress", help="Also measure on changed test photos.")] = False,
    elsewhere: Annotated[
        Path | None, typer.Option(help="Also measure on folders of other photos, as 'recyclenet stress' takes them.")
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(help="Also say what other commands measured: a folder like this repository's results."),
    ] = None,
) -> None:
    """Measure a model and write its card: what it is, what it was trained on, how good it is and is not."""
    if stress:
        require_extra("train", "model-card --stress")
    from recyclenet.atomic import write_text
    from recyclenet.cli.console import progress_bar
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.model_card import measure, to_markdown
    from recyclenet.model_card_results import FILES, read_results
    from recyclenet.outputs import check_report

    check_report(out, "--out", [] if results is None else [results / name for name in FILES])
    read = None if results is None else read_results(results)
    folder = open_photo_folder(data)
    with progress_bar("photos") as bar:
        card = measure(model, folder, with_stress=stress, elsewhere=elsewhere, results=read, on_progress=bar)
    write_text(out, to_markdown(card, out.resolve().parent))
    typer.echo(f"wrote {out}")
