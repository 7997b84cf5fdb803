"""One slot between two threads: what is new replaces what nobody took, so that nothing grows old in a queue."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds one item or none. Safe to share between threads."""

    def __init__(self) -> None:
        self._item: T | None = None
        self._open = True
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Lays the item in, in place of one that nobody took; never waits. Once closed, it is dropped."""
        with self._changed:
            if self._open:
                self._item = item
                self._changed.notify_all()

    def hand_over(self, item: T) -> None:
        """Lays the item in when the one before was taken: for recordings, of which nothing is to be dropped."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is None or not self._open)
            self.put(item)

    def poll(self) -> T | None:
        """Takes the item out; None where there is none just now."""
        with self._changed:
            item, self._item = self._item, None
            if item is not None:
                self._changed.notify_all()
            return item

    def take(self) -> T | None:
        """Waits for an item and takes it out; None when the box is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or not self._open)
            return self.poll()

    def close(self) -> None:
        """Nothing more is laid in; what lies in it can still be taken."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

    @property
    def is_finished(self) -> bool:
        """Closed, and empty."""
        with self._changed:
            return not self._open and self._item is None
