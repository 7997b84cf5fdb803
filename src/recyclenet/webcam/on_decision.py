"""A program of the user's for each decision, which gets it as JSON on its standard input: how a flap is moved."""

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress

from recyclenet.errors import RecycleNetError
from recyclenet.webcam.watcher import Change
from recyclenet.webcam.work_queue import WorkQueue

SECONDS = 10.0
"""A run that takes longer is ended."""

_WAITING = 8
_STDERR = 2


class OnDecision:
    """Runs the program for one decision after another, in a thread of its own.

    No shell is involved. What the program prints goes to standard error, so that it cannot be taken for a decision.

    Args:
        command: the program and its arguments, as in a shell.
        report: told, as a line of text, what went wrong; it never ends the watching.
        seconds: the most that one run may take.

    Raises:
        RecycleNetError: no program is named, or there is none of this name.
    """

    def __init__(self, command: str, report: Callable[[str], None], *, seconds: float = SECONDS) -> None:
        self._words = _split(command)
        self._report = report
        self._seconds = seconds
        self._queue: WorkQueue[Change] = WorkQueue("on-decision", self._run, _WAITING)

    def __call__(self, change: Change) -> None:
        """Has the program run, without a wait; where too many wait for it, the oldest decision is left out."""
        if not self._queue.offer(change):
            self._report(f"--on-decision: {self._words[0]} is too slow: a decision was left out")

    def close(self, *, finish: bool) -> None:
        """Returns when the program has ended; with `finish` also for the decisions that still wait."""
        self._queue.close(finish=finish)

    def _run(self, change: Change) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 (the user's own program)
                self._words,
                stdin=subprocess.PIPE,
                stdout=_STDERR,
                text=True,
                start_new_session=True,  # Ctrl-C ends the watching, not a flap that is half-way
            )
        except OSError as error:
            self._report(f"--on-decision: {self._words[0]} cannot be started: {error.strerror or error}")
            return
        try:
            process.communicate(json.dumps(change.to_table()) + "\n", timeout=self._seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            self._report(f"--on-decision: {self._words[0]} took more than {self._seconds:g} s and was ended")
            return
        if process.returncode:
            self._report(f"--on-decision: {self._words[0]} failed (exit code {process.returncode})")


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise RecycleNetError(f"--on-decision {command!r} cannot be read as words: {error}") from error
    if not words:
        raise RecycleNetError("--on-decision is empty: expected a program, with arguments if it takes any")
    if shutil.which(words[0]) is None:
        raise RecycleNetError(f"--on-decision: there is no program {words[0]}: expected one that can be run")
    return words


def _kill(process: "subprocess.Popen[str]") -> None:
    """Also what the program started itself, where the system can."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):  # it ended just now
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()
