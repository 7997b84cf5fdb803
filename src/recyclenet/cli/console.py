"""What commands print: answers to standard output, everything else to standard error.

rich is loaded by what draws with it: `predict --json` starts without.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from recyclenet.entry import leave_output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def note(text: str) -> None:
    """A line for people, on standard error, never wrapped or coloured."""
    from rich.console import Console

    Console(stderr=True).print(text, highlight=False, markup=False, soft_wrap=True)


def print_line(line: str) -> bool:
    """Prints at once, so that a program can read along; false when the reader has left."""
    try:
        print(line, flush=True)  # noqa: T201
    except BrokenPipeError:
        leave_output()
        return False
    return True


def table_console(width: int = 160) -> "Console":
    """Standard output for tables: as wide as the terminal, or `width` columns where it is piped into a file.

    The default of 80 columns would fold every path there.
    """
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=width)


@contextmanager
def progress_bar(what: str) -> Iterator["Bar"]:
    """A bar on standard error while something long runs, if that is a terminal; nothing is left of it afterwards."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Bar(progress, what)


class Bar:
    """Moves one bar; see `progress_bar`."""

    def __init__(self, progress: "Progress", what: str) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=None)

    def __call__(self, done: int, total: int | None) -> None:
        """`done` of `total`."""
        self._progress.update(self._task, completed=done, total=total)

    def rename(self, what: str, done: int, total: int | None) -> None:
        """The same, for another part of the work."""
        self._progress.update(self._task, description=what, completed=done, total=total)
