"""All commands in one list."""

from typing import Annotated

import typer

import recyclenet
from recyclenet.cli import (
    ablate,
    adapt,
    augment,
    bench,
    calibrate,
    convert,
    data,
    demo,
    evaluate,
    export,
    model_card,
    parity,
    predict,
    serve,
    site,
    soup,
    stress,
    summary,
    train,
    visualize,
    webcam,
)

app = typer.Typer(
    name="recyclenet",
    help="Which bin does it go in? Classify photos of trash, and train a classifier on your own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"recyclenet {recyclenet.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version_flag: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


app.command()(predict.predict)
app.command()(webcam.webcam)
app.command()(serve.serve)
app.command()(site.site)
app.command()(demo.demo)
app.add_typer(data.data, name="data")
app.command()(augment.augment)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.command()(soup.soup)
app.command()(stress.stress)
app.command()(adapt.adapt)
app.command()(calibrate.calibrate)
app.command()(export.export)
app.command()(convert.convert)
app.command()(parity.parity)
app.command()(visualize.visualize)
app.command()(summary.summary)
app.command()(bench.bench)
app.command()(ablate.ablate)
app.command()(model_card.model_card)
