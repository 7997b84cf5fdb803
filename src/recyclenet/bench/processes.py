"""Whole processes, with what they took."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from recyclenet.errors import RecycleNetError


class Taken(NamedTuple):
    """Of one process with those that it started and waited for.

    Attributes:
        seconds: from start to end.
        cpu_seconds: of all cores together.
        peak_mb: memory of the largest of them.
        output: what it printed.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


def run_program(arguments: Sequence[str], *, module: str = "recyclenet") -> Taken:
    """`python -m MODULE ARGUMENTS`.

    Raises:
        RecycleNetError: it failed; says how.
    """
    return run_process([sys.executable, "-m", module, *arguments], f"{module} {' '.join(arguments[:2])}")


def run_process(command: Sequence[str], name: str) -> Taken:
    """Any command; `name` is what errors call it.

    Raises:
        RecycleNetError: it failed; says how.
    """
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder, "figures.json")
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(figures), *command]
        done = subprocess.run(launch, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise RecycleNetError(f"{name} failed: {said}")
        seconds, cpu_seconds, peak = json.loads(figures.read_text(encoding="utf-8"))
    kilobytes = peak / (1024 if sys.platform == "darwin" else 1)
    return Taken(seconds, cpu_seconds, kilobytes * 1024 / 1e6, done.stdout)


# A small process in between: what is forked begins with the memory of its parent, and its peak would be ours.
_LAUNCHER = """
import json, os, sys, time
started = time.perf_counter()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - started
with open(sys.argv[1], "w") as file:
    json.dump([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss], file)
sys.exit(os.waitstatus_to_exitcode(status) and 1)
"""
