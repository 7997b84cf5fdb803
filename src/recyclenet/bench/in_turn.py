"""Several ways to do one job, timed in turn: whatever else the machine does slows all of them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rounds = dict[str, NDArray[np.float64]]
"""Seconds by way, one a round: (rounds,) each, in the same rounds."""


def time_in_turn(
    ways: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    warm_ups: int = 0,
    lead_ins: int = 0,
    seconds_of: Callable[[Any], float] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Rounds:
    """Seconds that each way takes, once a round.

    Args:
        ways: by name; each does the job once when called.
        rounds: that count, at least 1.
        warm_ups: rounds before these.
        lead_ins: calls of each way just before the one that counts, so that it finds its own data in the processor's
            caches, and not the threads of the way before still spinning: as where one way runs alone.
        seconds_of: what a way took, from what it returned, for ways that have a clock of their own.
        on_progress: told (rounds done, rounds in all) after each.
    """
    taken = np.empty((rounds, len(ways)))
    for number in range(-warm_ups, rounds):
        for place, way in enumerate(ways.values()):
            for _ in range(lead_ins):
                way()
            started = time.perf_counter()
            returned = way()
            seconds = time.perf_counter() - started if seconds_of is None else seconds_of(returned)
            if number >= 0:
                taken[number, place] = seconds
        if on_progress is not None:
            on_progress(number + warm_ups + 1, rounds + warm_ups)
    return {name: taken[:, place] for place, name in enumerate(ways)}


@dataclass(frozen=True)
class Spread:
    """The median of some values, and their first and third quartile."""

    median: float
    low: float
    high: float

    def times(self, factor: float) -> "Spread":
        """The same in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


def spread(values: NDArray[np.float64]) -> Spread:
    """Of values (n,)."""
    low, median, high = np.percentile(values, (25, 50, 75))
    return Spread(float(median), float(low), float(high))
