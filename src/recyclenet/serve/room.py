"""The memory for request bodies: counted by what has come of them, so that one which hardly comes holds hardly any."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from recyclenet.serve.pool import RETRY_SECONDS
from recyclenet.serve.problems import Problem


class Room:
    """Bytes that all requests share, for one event loop.

    Args:
        size: all of them.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.held = 0

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """A function that takes so many bytes more for one request; all are given back at the end.

        The function raises:
            Problem: 503 with Retry-After where there are not so many.
        """
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            if self.held + count > self.size:
                raise Problem(503, "too many photos at the moment: try again soon", retry_after=RETRY_SECONDS)
            self.held += count
            taken += count

        try:
            yield take
        finally:
            self.held -= taken
