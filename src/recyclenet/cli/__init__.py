"""The command line. Every command imports what it needs when it runs, so that --help and predict stay quick."""

import sys

try:
    from recyclenet.entry import run_command
except KeyboardInterrupt:  # nothing could catch it earlier, and this early, too, it ends quietly
    sys.exit(130)


def main() -> None:
    """Entry point: a user's mistake becomes one line on standard error and exit code 2."""
    run_command(_app)


def _app() -> None:
    # Loaded inside, so that Ctrl-C while it loads ends as quietly as later.
    from recyclenet.cli.plain_predict import plain_predict

    arguments = sys.argv[1:]
    if (plain := plain_predict(arguments)) is not None:
        plain.run()
    else:
        from recyclenet.cli.app import create_app

        create_app(arguments)()
