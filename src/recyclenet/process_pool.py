"""Worker processes that end when their work does, however the main process ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for_end

ENDED_EARLY = "a process ended before its work was done, perhaps for want of memory"
"""What a BrokenProcessPool means, in words; what to do about it depends on the work."""


@contextmanager
def process_pool(
    processes: int,
    *,
    ignored: Sequence[signal.Signals] = (),
    start: Callable[[], None] | None = None,
    patience_s: float | None = None,
) -> Iterator[ProcessPoolExecutor]:
    """A pool that is gone when this is left: what was not begun by then is given up.

    Args:
        processes: at most so many; each is made when there is work for it.
        ignored: signals that reach a whole group of processes (a terminal's Ctrl-C, a service's stop) and that the
            main process alone is to handle. Others the work must expect.
        start: called first in each process; picklable.
        patience_s: how long processes may take to end when this is left, which must then be when nothing is running
            any more; they are killed after that. None: as long as what is running takes.
    """
    others = set(multiprocessing.active_children())
    # A fresh interpreter each: a fork would carry the threads of the progress bar, or their locks, along.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        processes, mp_context=context, initializer=_start_process, initargs=(tuple(ignored), start)
    )
    try:
        yield pool
    finally:
        children = set(multiprocessing.active_children()) - others
        pool.shutdown(wait=patience_s is None, cancel_futures=True)
        if patience_s is not None:
            # A process that a signal ended while it waited for work can leave the pool's queue locked: the others
            # would wait for it without end, and the pool for them.
            for child in children:
                child.join(patience_s)
                if child.is_alive():
                    child.kill()


def _start_process(ignored: Sequence[signal.Signals], start: Callable[[], None] | None) -> None:
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start()


def _end_with_parent() -> None:
    """After a kill -9 of the main process its workers would wait for ever: each holds the queue they wait on."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(1)
