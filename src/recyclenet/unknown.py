"""How strange a photo is to a model, by where its features point and by how sure its logits are."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recyclenet.class_directions import ClassDirections
from recyclenet.encoded import decode
from recyclenet.errors import RecycleNetError
from recyclenet.strict import check_range

_MOST_FEATURES, _MOST_DIMENSIONS = 16_384, 1024  # beyond any model, and little enough memory for any machine


@dataclass(frozen=True)
class UnknownScore:
    """Logistic in a raw value that is high where a photo is none of the classes.

    The raw value is weight · w - log Σ exp(logit): w is high where the features point away from where those of all
    classes point, and the rest, the energy (https://arxiv.org/abs/2010.03759), where no class has a high logit.
    What else was compared stands in results/unknown of the repository.

    `recyclenet adapt` imagines old photos by `mean` and `plane`.

    Attributes:
        features: C, how many the model gives.
        dimensions: D, of the plane.
        mean: (C,) float32 as base64, of the training features.
        plane: (D, C) float16 as base64, row by row: the directions in which training features vary most, orthonormal up
            to rounding.
        classes: where the features of the classes point.
        weight: of that: both parts spread alike over val photos.
        middle: the raw value with the score 0.5; beyond it a photo is none of the classes.
        width: a raw value of middle + width has the score 0.73.
        kept: the share of val photos that lie up to `middle`.
    """

    features: int
    dimensions: int
    mean: str
    plane: str
    classes: ClassDirections
    weight: float
    middle: float
    width: float
    kept: float

    def __post_init__(self) -> None:
        check_range("features", self.features, 2, _MOST_FEATURES)
        check_range("dimensions", self.dimensions, 1, min(self.features, _MOST_DIMENSIONS))
        check_range("weight", self.weight, 0.0, 1e6)
        check_range("middle", self.middle, -1e6, 1e6)
        check_range("width", self.width, 1e-6, 1e6)
        check_range("kept", self.kept, 0.5, 1.0)
        _ = self._arrays  # decoded here, so that a damaged file is refused when it is read
        if self.classes.features != self.features:
            raise RecycleNetError(f"classes are for {self.classes.features} features, not for {self.features}")

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        mean = decode(self.mean, "<f4", self.features, "mean")
        plane = decode(self.plane, "<f2", self.dimensions * self.features, "plane")
        return mean, plane.reshape(self.dimensions, self.features)

    @property
    def centre(self) -> NDArray[np.float32]:
        """`mean` as numbers, (C,)."""
        return self._arrays[0]

    @property
    def directions(self) -> NDArray[np.float32]:
        """`plane` as numbers, (D, C)."""
        return self._arrays[1]

    def raw(self, logits: NDArray[np.float32], features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n,) from logits (n, K), before any temperature, and features (n, C): the higher, the stranger."""
        return self.weight * self.classes.raw(features) + energy(logits)

    def scores(self, logits: NDArray[np.float32], features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n,) in [0, 1], rising with `raw`; arguments as there."""
        steps = np.clip((self.raw(logits, features) - self.middle) / self.width, -500, 500)
        return np.asarray(1 / (1 + np.exp(-steps)))


def energy(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """-log Σ exp(logit), (n,) from (n, K)."""
    values = np.asarray(logits, dtype=np.float64)
    peak = values.max(axis=1)
    return np.asarray(-(peak + np.log(np.exp(values - peak[:, None]).sum(axis=1))))
