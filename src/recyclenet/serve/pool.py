"""Who is let in, who waits, and who works: a bounded number of requests, and threads for what takes time."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple

from recyclenet.serve.problems import Problem

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

RETRY_SECONDS = 1
"""A queue of the usual length is done by then."""


class WorkerPool:
    """Threads behind a door. All methods are for one event loop.

    A thread cannot be stopped: when a request runs out of time its photo is still finished, and the thread counts
    as busy until then. So there are never more jobs than threads, whoever waited for them.

    Args:
        workers: threads.
        queue: requests that may be inside besides one for each thread.
    """

    def __init__(self, workers: int, queue: int) -> None:
        self.capacity = workers + queue
        self.admitted = 0
        self.waiting = 0
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="photo")
        self._free = asyncio.Semaphore(workers)

    def check_place(self) -> None:
        """Returns if there is a place inside.

        Raises:
            Problem: 503 with Retry-After where all places are taken.
        """
        if self.admitted >= self.capacity:
            raise Problem(503, "too many requests at the moment: try again soon", retry_after=RETRY_SECONDS)

    @contextmanager
    def admit(self) -> Iterator[None]:
        """A place inside, for one request.

        Raises:
            Problem: as `check_place`.
        """
        self.check_place()
        self.admitted += 1
        try:
            yield
        finally:
            self.admitted -= 1

    async def run(self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        """Calls the function in a thread, after those that asked before."""
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        loop = asyncio.get_running_loop()

        def done(_: Future[_Result]) -> None:
            loop.call_soon_threadsafe(self._free.release)

        job = self._executor.submit(function, *arguments)
        job.add_done_callback(done)
        return await asyncio.wrap_future(job)

    async def close(self) -> None:
        """Returns when the last job is done."""
        await asyncio.to_thread(self._executor.shutdown)
