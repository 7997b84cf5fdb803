"""How many a second, as a window shows it."""

import time
from collections import deque
from collections.abc import Callable

_SPAN = 2.0  # seconds looked back: a figure that can be read, and is not old


class Rate:
    """Counts what happens.

    Args:
        clock: seconds from any start.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque()

    def tick(self) -> None:
        """It happened, now."""
        self._times.append(self._clock())

    def per_second(self) -> float:
        """Over the last two seconds, of the intervals between ticks; 0 where there were not two."""
        times, since = self._times, self._clock() - _SPAN
        while times and times[0] < since:
            times.popleft()
        span = times[-1] - times[0] if len(times) > 1 else 0.0
        return (len(times) - 1) / span if span > 0 else 0.0
