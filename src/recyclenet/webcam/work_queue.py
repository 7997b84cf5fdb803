"""Work that must not hold up who asks for it: a thread, and a queue of bounded length before it."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from recyclenet.webcam.background import Background

T = TypeVar("T")


class WorkQueue(Generic[T]):
    """Does one thing after another in a thread of its own.

    Args:
        name: the thread's.
        work: what is done with each item.
        most: items that wait at most; for one more the oldest is dropped, since in front of a camera the newest counts.
    """

    def __init__(self, name: str, work: Callable[[T], None], most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[T] = deque()
        self._open = True
        self._changed = threading.Condition()
        self._thread = Background(name, self._run)
        self._thread.start()

    def offer(self, item: T) -> bool:
        """Takes the item without a wait; false where an older one was dropped for it.

        If the work on an earlier item raised something, that is raised here, and nothing more is done.
        """
        self._thread.check()
        with self._changed:
            fits = len(self._waiting) < self._most
            if not fits:
                self._waiting.popleft()
            self._waiting.append(item)
            self._changed.notify_all()
            return fits

    def close(self, *, finish: bool) -> None:
        """Returns when the last item is done; raises as `offer`.

        Args:
            finish: also do those that wait; otherwise only the one in hand is done.
        """
        with self._changed:
            self._open = False
            if not finish:
                self._waiting.clear()
            self._changed.notify_all()
        self._thread.wait()
        self._thread.check()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or not self._open)
                if not self._waiting:
                    return
                item = self._waiting.popleft()
            self._work(item)
