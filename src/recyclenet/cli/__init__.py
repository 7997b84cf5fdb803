"""The command line. Every command imports what it needs when it runs, so that --help and predict stay quick."""

import io
import sys

from recyclenet.cli.app import app
from recyclenet.errors import RecycleNetError


def main() -> None:
    """Entry point: a user's mistake becomes one line on standard error and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names need not be Unicode; they are shown escaped instead of ending the program.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except RecycleNetError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 (plain text, never wrapped, easy to grep)
        sys.exit(2)
