"""What a model file knows of how far its answers can be trusted, and how it is applied to the model's outputs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recyclenet.conformal import Method, prediction_sets
from recyclenet.errors import RecycleNetError
from recyclenet.metrics import softmax
from recyclenet.strict import check_range
from recyclenet.unknown import UnknownScore

UNKNOWN_FROM = 0.5
"""An unknown score above this means: none of the classes."""


@dataclass(frozen=True)
class Calibration:
    """Fitted by `recyclenet calibrate` on the val split of a data folder.

    Attributes:
        temperature: the logits are divided by it before they become probabilities
            (https://arxiv.org/abs/1706.04599).
        coverage: how often a photo's set should hold its class.
        set_method: the score that sets are made with, see `conformal`.
        set_threshold: classes with a score up to this are in the set.
        photos: how many it was fitted on.
        fingerprint: of the data folder it was fitted on, as `PhotoFolder.fingerprint`.
        unknown: finds what is none of the classes; None where it could not be fitted.
    """

    temperature: float
    coverage: float
    set_method: Method
    set_threshold: float
    photos: int
    fingerprint: str
    unknown: UnknownScore | None = None

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0.01, 100.0)
        check_range("coverage", self.coverage, 0.5, 0.999)
        check_range("set_threshold", self.set_threshold, 0.0, 1.0)
        check_range("photos", self.photos, 1, 10**9)
        if len(self.fingerprint) > 100 or not self.fingerprint.isprintable():
            raise RecycleNetError("fingerprint must be a text of at most 100 printable characters")

    def sets(self, probs: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """(n, K) bool, the classes in each photo's set, from calibrated probs (n, K)."""
        return prediction_sets(probs, self.set_threshold, self.set_method)

    def strangeness(
        self, logits: NDArray[np.float32], features: NDArray[np.float32] | None
    ) -> NDArray[np.float64] | None:
        """(n,) in [0, 1], how strange photos are, from logits (n, K) and features (n, C); None if it cannot be told."""
        if self.unknown is None or features is None:
            return None
        return self.unknown.scores(logits, features)

    def possible(self, probs: NDArray[np.floating[Any]], classes: tuple[str, ...]) -> tuple[str, ...]:
        """One photo's set by name, the likeliest first, from its calibrated probs (K,)."""
        members = self.sets(probs[None])[0]
        return tuple(classes[place] for place in np.argsort(-probs, kind="stable") if members[place])


def temperature(calibration: Calibration | None) -> float:
    """The calibration's, or 1 without one."""
    return 1.0 if calibration is None else calibration.temperature


def calibrated_probs(logits: NDArray[np.floating[Any]], calibration: Calibration | None) -> NDArray[np.float64]:
    """Probs (n, K) from logits (n, K): softmax at the calibration's temperature, or at 1 without one."""
    return softmax(np.asarray(logits, dtype=np.float64) / temperature(calibration))
