"""The engine for one machine: a process for each core."""

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import pyarrow as pa

from recyclenet.bulk.engine import Answered
from recyclenet.bulk.listing import Listing
from recyclenet.bulk.work import Work, Worker
from recyclenet.errors import RecycleNetError
from recyclenet.machine import usable_cores
from recyclenet.process_pool import ENDED_EARLY, process_pool

_LOOK_AGAIN = 0.5  # seconds between looks at whether a stop was asked for
# A terminal's Ctrl-C and a service's stop reach the whole group; the main process says what is finished.
_IGNORED = (signal.SIGINT, signal.SIGTERM)


class LocalEngine:
    """Processes on this machine, each with a model and photos read ahead; one for each core unless told otherwise."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or usable_cores()

    def run(
        self, work: Work, listing: Listing, parts: Sequence[int], is_stopped: Callable[[], bool]
    ) -> Iterator[Answered]:
        """As `Engine.run`."""
        processes = min(self.workers, len(parts)) or 1
        running: dict[Future[pa.Table], int] = {}
        try:
            with process_pool(processes, ignored=_IGNORED, start=partial(_start, work, listing)) as pool:
                yield from self._in_any_order(pool, parts, is_stopped, running)
        except BrokenProcessPool as error:
            raise RecycleNetError(
                f"{ENDED_EARLY}, in one of the parts {', '.join(map(str, sorted(running.values())))}. What is "
                "committed stays: the same command goes on; fewer --workers need less memory"
            ) from error

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
    global _worker, _listing
    _worker, _listing = Worker(work), listing


def _answer(number: int) -> pa.Table:
    return _worker.answer(_listing.part(number))
