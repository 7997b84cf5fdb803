"""All commands in one list, and the program made of them."""

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

import recyclenet

COMMANDS = (
    "predict",
    "webcam",
    "serve",
    "site",
    "demo",
    "augment",
    "train",
    "evaluate",
    "soup",
    "stress",
    "adapt",
    "calibrate",
    "export",
    "convert",
    "parity",
    "visualize",
    "summary",
    "bench",
    "ablate",
    "model-card",
    "data",
)
"""In the order of --help, which has groups of commands last.

Each is the function, or the group of commands, of that name in its file in `cli/`.
"""


def create_app(arguments: Sequence[str]) -> typer.Typer:
    """The program for these arguments.

    Where the first of them names a command, that one alone is loaded: the others would take longer than an answer.
    """
    app = typer.Typer(
        name="recyclenet",
        help="Which bin does it go in? Classify photos of trash, and train a classifier on your own.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS:
        word = name.replace("-", "_")
        command = getattr(import_module(f"recyclenet.cli.{word}"), word)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"recyclenet {recyclenet.__version__}")
        raise typer.Exit


def _options(
    _version_flag: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass
