"""How unlike a photo's ImageNet answers are to those that training photos get: food, wood or cloth stand out by it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recyclenet.encoded import decode
from recyclenet.metrics import softmax
from recyclenet.strict import check_range

_MOST_FEATURES, _MOST_ANSWERS = 16_384, 100_000  # beyond any network, and little enough memory for any machine


@dataclass(frozen=True)
class OldAnswers:
    """The head that the pretrained network had, of low rank, and what it says of training photos.

    A network that was trained with `keep` still gives its pretrained answers. For a photo with the probabilities p over
    the old classes, and their mean u over training photos, the raw value is -log Σ p·u: high where the old answers are
    ones that training photos do not get.

    Attributes:
        features: C, how many the model gives.
        rank: R, of the head.
        answers: A, the old classes.
        down: (R, C) float16 as base64.
        up: (A, R) float16 as base64; up · down is the old head's weight.
        bias: (A,) float32 as base64.
        usual: (A,) float32 as base64, u: sums to 1.
        temperature: divides the old logits.
    """

    features: int
    rank: int
    answers: int
    down: str
    up: str
    bias: str
    usual: str
    temperature: float

    def __post_init__(self) -> None:
        check_range("features", self.features, 2, _MOST_FEATURES)
        check_range("answers", self.answers, 2, _MOST_ANSWERS)
        check_range("rank", self.rank, 1, min(self.features, self.answers))
        check_range("temperature", self.temperature, 1e-3, 1e3)
        _ = self._arrays  # decoded here, so that a damaged file is refused when it is read

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.float32], ...]:
        return (
            decode(self.down, "<f2", self.rank * self.features, "down").reshape(self.rank, self.features),
            decode(self.up, "<f2", self.answers * self.rank, "up").reshape(self.answers, self.rank),
            decode(self.bias, "<f4", self.answers, "bias"),
            decode(self.usual, "<f4", self.answers, "usual"),
        )

    def probs(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, A), rows summing to 1, from features (n, C)."""
        down, up, bias, _ = self._arrays
        return softmax(((np.asarray(features, np.float32) @ down.T) @ up.T + bias) / self.temperature)

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n,) from features (n, C): the higher, the stranger."""
        usual = self._arrays[3].astype(np.float64)
        return np.asarray(-np.log(np.maximum(self.probs(features) @ usual, 1e-30)))
