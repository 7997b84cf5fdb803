"""What runs parts: the one promise that both engines keep."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from recyclenet.bulk.listing import Listing
from recyclenet.bulk.work import Work


@dataclass(frozen=True)
class Answered:
    """A part whose photos all have their row; `machine` is where it was done, a name that says nothing more."""

    number: int
    answers: pa.Table
    machine: str


class Engine(Protocol):
    """Answers parts in any order, many at a time."""

    @property
    def workers(self) -> int:
        """Processes that answer."""

    def run(
        self, work: Work, listing: Listing, parts: Sequence[int], is_stopped: Callable[[], bool]
    ) -> Iterator[Answered]:
        """Each part once, as it is done. When stopped, parts that were begun are finished and no others begun.

        Raises:
            RecycleNetError: the machine or cluster cannot do it; parts that were given are done.
        """
