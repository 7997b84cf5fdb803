"""From answers that change with every frame to one that stands still: averages over time, and two hystereses.

All times are seconds and may lie any distance apart, so that a slow machine and a fast one are equally steady.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from recyclenet.calibration import UNKNOWN_FROM
from recyclenet.rules import Bin, Rules
from recyclenet.strict import check_range
from recyclenet.webcam.answer import Answer

K = TypeVar("K")


@dataclass(frozen=True)
class Steadiness:
    """How hard it is to change the answer.

    Attributes:
        memory: seconds after which a frame's share in the average has fallen to 1/e (37 %).
        dwell: seconds that another answer must last without a break before it is taken.
        margin: by how much, as a probability, another class must lead.
    """

    memory: float = 0.3
    dwell: float = 0.5
    margin: float = 0.1

    def __post_init__(self) -> None:
        check_range("memory", self.memory, 0.001, 60.0)
        check_range("dwell", self.dwell, 0.0, 60.0)
        check_range("margin", self.margin, 0.0, 0.5)


class Average:
    """An exponential moving average over time: after dt seconds the new values weigh 1 - exp(-dt / memory)."""

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self._time = -math.inf
        self._values: NDArray[np.float64] = np.zeros(0)

    def update(self, time: float, values: Sequence[float]) -> NDArray[np.float64]:
        """The average (n,) after these n values; the first ones are taken as they are."""
        new = np.asarray(values, dtype=np.float64)
        if self._time == -math.inf:
            self._values = new
        else:
            weight = -math.expm1(-(time - self._time) / self._memory)
            self._values = self._values + weight * (new - self._values)
        self._time = time
        return self._values


class Hold(Generic[K]):
    """A value that gives way to another only when that was offered for `dwell` seconds without a break."""

    def __init__(self, value: K, dwell: float) -> None:
        self.value = value
        self._dwell = dwell
        self._challenger = value
        self._since = 0.0

    def update(self, time: float, offered: K) -> K:
        """The value after this offer."""
        if offered != self._challenger:
            self._challenger, self._since = offered, time
        if time - self._since >= self._dwell:
            self.value = self._challenger
        return self.value


class Steady:
    """The answer that is shown, decided and told: None while there is nothing to answer for.

    Args:
        classes: the model's, in its order.
        rules: which material goes where.
        steadiness: how hard it is to change.
    """

    def __init__(self, classes: Sequence[str], rules: Rules, steadiness: Steadiness | None = None) -> None:
        self._classes = tuple(classes)
        self._rules = rules
        self._steadiness = steadiness or Steadiness()
        self._average = Average(self._steadiness.memory)
        self._hold: Hold[tuple[str, Bin] | None] = Hold(None, self._steadiness.dwell)

    def update(self, time: float, probs: Sequence[float], emptiness: float) -> Answer | None:
        """The answer after one more frame.

        Args:
            time: the frame's; never earlier than the one before.
            probs: (K,), of the classes.
            emptiness: in [0, 1]; how sure it is that the frame shows nothing to answer for.
        """
        *mean, empty = map(float, self._average.update(time, [*probs, emptiness]))
        held = self._hold.update(time, self._choose(dict(zip(self._classes, mean, strict=True)), empty))
        if held is None:
            return None
        label, target = held
        return Answer(label, mean[self._classes.index(label)], target)

    def _choose(self, mean: dict[str, float], empty: float) -> tuple[str, Bin] | None:
        held, margin = self._hold.value, self._steadiness.margin
        # What is there stays until it is clearly gone, what is gone until something is clearly there.
        if empty > UNKNOWN_FROM + (margin if held is not None else -margin):
            return None
        best = max(mean, key=mean.__getitem__)
        if held is not None and mean[best] < mean[held[0]] + margin:
            best = held[0]
        return best, self._rules.decide(mean).bin
