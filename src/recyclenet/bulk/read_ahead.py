"""Photos are read while others are answered, as many as fit into a number of bytes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue

from recyclenet.bulk.items import Item, is_url
from recyclenet.bulk.read import item_size, read_item
from recyclenet.errors import PhotoError

MAX_BYTES_AHEAD = 64 * 2**20
"""Bytes of photos that are read but not answered, in one process; one larger photo alone is let through.

Photos of unknown size count from when they are read: those that the readers have in hand just then come on top.
"""

_LOCAL_READERS, _REMOTE_READERS = 2, 16  # a disk answers at once, a store after some 20 milliseconds


def read_ahead(
    items: Sequence[Item],
    *,
    max_bytes: int = MAX_BYTES_AHEAD,
    read: Callable[[Item], bytes] = read_item,
    size: Callable[[Item], int] = item_size,
) -> Iterator[tuple[int, bytes | PhotoError]]:
    """(place in items, bytes or error) of every item once, in the order in which they arrive.

    Each is asked for when the answer to the one before is done; only then are its bytes counted as gone.
    """
    budget = _Budget(max_bytes)
    arrived: SimpleQueue[tuple[int, bytes | BaseException, int]] = SimpleQueue()
    places = iter(range(len(items)))
    turn = threading.Lock()

    def work() -> None:
        while True:
            with turn:
                place = next(places, None)
            if place is None:
                return
            claimed = 0
            try:
                claimed = size(items[place])
                if not budget.take(claimed):
                    return
                data = read(items[place])
                budget.add(len(data) - claimed)
                claimed = max(claimed, len(data))
                arrived.put((place, data, claimed))
            except BaseException as error:  # a bug must not leave the reader's caller waiting
                arrived.put((place, error, claimed))

    remote = any(is_url(item.container or item.path) for item in items[:1])
    for _ in range(min(len(items), _REMOTE_READERS if remote else _LOCAL_READERS)):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in items:
            place, data, claimed = arrived.get()
            if isinstance(data, BaseException) and not isinstance(data, PhotoError):
                raise data
            yield place, data
            budget.give(claimed)
    finally:
        budget.close()


class _Budget:
    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._open = True
        self._changed = threading.Condition()

    def take(self, amount: int) -> bool:
        """Waits until it fits, or until it is the only one; false if nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open or not self._taken or self._taken + amount <= self._most)
            self._taken += amount
            return self._open

    def add(self, amount: int) -> None:
        """Counts bytes that turned out to be there, if any: waiting would not make them fewer. `take` waits instead."""
        with self._changed:
            self._taken += max(0, amount)

    def give(self, amount: int) -> None:
        with self._changed:
            self._taken -= amount
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()
