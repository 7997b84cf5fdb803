"""Work in several threads that keeps the order of its input, and never runs far ahead of whoever reads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_AHEAD = 2
"""Results a thread that may wait for the reader: enough that a slow item does not stop the others."""


def map_ahead(function: Callable[[_Item], _Result], items: Iterable[_Item], workers: int) -> Iterator[_Result]:
    """As `map`, by so many threads: worth it for functions that leave the interpreter free, such as decoders.

    Memory stays bounded whatever the number of items: at most `3 · workers` are taken and not yet handed out.

    Args:
        function: called once an item, by any of the threads; what it raises is raised here, in its turn.
        items: read by the caller's thread only, and only as far as needed.
        workers: threads; with 1 there are none, and an item is taken when its result is asked for.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                while waiting and (waiting[0].done() or len(waiting) >= (1 + _AHEAD) * workers):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # the reader has left, or an item failed: what nobody will read is not begun
            for job in waiting:
                job.cancel()
