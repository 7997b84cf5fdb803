"""One case under limits: a reader may accept a hostile file or refuse it in words, in time, within memory."""

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recyclenet.errors import RecycleNetError

SECONDS = 5.0
"""A case that takes longer hangs."""

MEMORY = 2**30
"""Bytes that a case may add to the process: the largest photo that is let in takes most of it."""

_LONGEST = 4000  # characters of an error: one line that a person can read, whatever it quotes
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Hang(BaseException):
    """The time is up; no Exception, because readers turn those into errors of their own."""


@dataclass(frozen=True)
class Verdict:
    """What came of one case.

    Attributes:
        accepted: whether the reader took it for good.
        seconds: it took.
        memory: bytes that the process grew by at most, 0 where the system does not tell.
        fault: what should not have happened, and where; None if all is well.
    """

    accepted: bool
    seconds: float
    memory: int
    fault: str | None = None


def judge(read: Callable[[bytes], object], data: bytes, seconds: float = SECONDS) -> Verdict:
    """Runs the reader once, in this thread; `seconds` is when it hangs, which is only said here: see `alarm`."""
    accepted, fault = False, None
    before = _restart_memory()
    started = time.perf_counter()
    try:
        read(data)
        accepted = True
    except RecycleNetError as error:
        fault = _fault_of_message(str(error))
    except Exception as error:
        fault = _where(error)
    took, memory = time.perf_counter() - started, max(0, _largest_memory() - before)
    if fault is None and took > seconds:
        fault = "hang"
    if fault is None and memory > MEMORY:
        fault = f"memory: more than {MEMORY // 2**20} MiB"
    return Verdict(accepted, round(took, 4), memory, fault)


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raises Hang inside when the time is up; what never comes back to Python cannot be stopped like this."""

    def ring(*_: object) -> None:
        raise Hang(f"more than {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _fault_of_message(message: str) -> str | None:
    if not message or not message.isprintable():
        return f"error text: empty, more than one line, or with control characters: {message[:200]!a}"
    return f"error text: {message[:60]}… has more than {_LONGEST} characters" if len(message) > _LONGEST else None


def _where(error: BaseException) -> str:
    """The error's type and the innermost place of it in this project: the same fault has the same text."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}recyclenet{os.sep}" in frame.filename] or list(frames)
    place = f"{Path(ours[-1].filename).name}, {ours[-1].name}" if ours else "?"
    return f"{type(error).__name__} in {place}: {str(error)[:200]!a}"


def _restart_memory() -> int:
    """Bytes that the process has now, from where its largest size counts anew."""
    try:
        _RESET.write_text("5")
    except OSError:
        return 0
    return _memory("VmRSS")


def _largest_memory() -> int:
    return _memory("VmHWM") if _STATUS.exists() else 0


def _memory(field: str) -> int:
    status = _STATUS.read_text(encoding="utf-8")
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith(field)))
