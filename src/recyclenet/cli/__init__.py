"""The command line. Every command imports what it needs when it runs, so that --help and predict stay quick."""

import sys

from recyclenet.entry import run_command


def main() -> None:
    """Entry point: a user's mistake becomes one line on standard error and exit code 2."""
    run_command(_app)


def _app() -> None:
    from recyclenet.cli.app import create_app  # inside, so that Ctrl-C while it loads ends as quietly as later

    create_app(sys.argv[1:])()
