"""The engine for one machine: a process for each core."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end

import pyarrow as pa

from recyclenet.bulk.engine import Answered
from recyclenet.bulk.listing import Listing
from recyclenet.bulk.work import Work, Worker
from recyclenet.errors import RecycleNetError
from recyclenet.machine import usable_cores

_LOOK_AGAIN = 0.5  # seconds between looks at whether a stop was asked for


class LocalEngine:
    """Processes on this machine, each with a model and photos read ahead; one for each core unless told otherwise."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or usable_cores()

    def run(
        self, work: Work, listing: Listing, parts: Sequence[int], is_stopped: Callable[[], bool]
    ) -> Iterator[Answered]:
        """As `Engine.run`."""
        # A fresh interpreter each: a fork would carry the threads of the progress bar, or their locks, along.
        pool = ProcessPoolExecutor(
            min(self.workers, len(parts)) or 1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start,
            initargs=(work, listing),
        )
        running: dict[Future[pa.Table], int] = {}
        try:
            yield from self._in_any_order(pool, parts, is_stopped, running)
        except BrokenProcessPool as error:
            raise RecycleNetError(
                f"a process ended before its work was done, perhaps for want of memory, in one of the parts "
                f"{', '.join(map(str, sorted(running.values())))}. What is committed stays: the same command goes on; "
                "fewer --workers need less memory"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)

    def _in_any_order(
        self,
        pool: ProcessPoolExecutor,
        parts: Sequence[int],
        is_stopped: Callable[[], bool],
        running: dict[Future[pa.Table], int],
    ) -> Iterator[Answered]:
        waiting = iter(parts)
        while True:
            while not is_stopped() and len(running) <= self.workers:  # one more, so that none waits for its next part
                number = next(waiting, None)
                if number is None:
                    break
                running[pool.submit(_answer, number)] = number
            if is_stopped():
                for future in [future for future in running if future.cancel()]:
                    del running[future]
            if not running:
                return
            done, _ = wait(running, timeout=_LOOK_AGAIN, return_when=FIRST_COMPLETED)
            for future in done:
                answers = future.result()
                yield Answered(running.pop(future), answers, "here")


_worker: Worker
_listing: Listing


def _start(work: Work, listing: Listing) -> None:
    # A terminal's Ctrl-C and a service's stop reach the whole group; the main process says what is finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    global _worker, _listing
    _worker, _listing = Worker(work), listing


def _end_with_parent() -> None:
    """After a kill -9 of the main process its workers would wait for ever: each holds the queue they wait on."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(1)


def _answer(number: int) -> pa.Table:
    return _worker.answer(_listing.part(number))
