"""How a program of this project ends: at once on Ctrl-C or SIGTERM, with one line for a person's mistake."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from recyclenet.errors import RecycleNetError


class _Terminated(BaseException):
    """SIGTERM came: everything that is open is closed on the way out."""


def run_command(command: Callable[[], object]) -> None:
    """Runs a whole program. A RecycleNetError becomes one line on standard error and exit code 2.

    SIGTERM ends it as it ends any program, but temporary files are removed first. Both signals also end it while
    libraries load: code in C makes an ImportError of the exception that a signal raised, a class in the making a
    RuntimeError.

    Raises:
        SystemExit: with 2 for a mistake, 130 for Ctrl-C (128 + the signal's number, as shells count), 1 where nobody
            reads the output any more, or whatever the command itself ends with.
    """
    came: list[int] = []
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # File names need not be Unicode; they are shown escaped instead of ending the program.
            sys.stdout.reconfigure(errors="backslashreplace")
        with _signals_unwind(came):
            command()
    except RecycleNetError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 (plain text, never wrapped, easy to grep)
        sys.exit(2)
    except BrokenPipeError:  # the reader left, as in `recyclenet predict photos | head`
        leave_output()
        sys.exit(1)
    except OSError as error:
        print(f"error: {error.strerror or error}: {error.filename or 'the output cannot be written'}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except _Terminated:
        signal.raise_signal(signal.SIGTERM)
    except Exception:
        if not came:
            raise
        if came[-1] == signal.SIGTERM:
            signal.raise_signal(signal.SIGTERM)
        sys.exit(128 + came[-1])


def leave_output() -> None:
    """Sends what is printed from here on nowhere: a buffer's rest must go somewhere when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _signals_unwind(came: list[int]) -> Iterator[None]:
    """Inside, SIGTERM raises instead of ending the process on the spot, as Ctrl-C does; `came` gets their numbers."""

    def unwind(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if number == signal.SIGTERM:
            raise _Terminated
        signal.default_int_handler(number, frame)

    before: dict[int, Any] = {}
    with suppress(ValueError):  # not the main thread: signals go elsewhere
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, unwind)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as in a shell's background
            before[signal.SIGINT] = signal.signal(signal.SIGINT, unwind)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
