"""How strange a photo is to a model, by what its features hold beside the directions that training photos vary in."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recyclenet.class_directions import ClassDirections
from recyclenet.encoded import decode
from recyclenet.errors import RecycleNetError
from recyclenet.old_answers import OldAnswers
from recyclenet.strict import check_range

_MOST_FEATURES, _MOST_DIMENSIONS = 16_384, 1024  # beyond any model, and little enough memory for any machine


@dataclass(frozen=True)
class UnknownScore:
    """Logistic in a raw value: a sum of what speaks for a photo of none of the classes.

    The raw value of a photo is alpha · |r| - log Σ exp(logit): r is what is left of its features less their mean when
    the plane in which the training features vary most is taken away (virtual-logit matching,
    https://arxiv.org/abs/2203.10807). It is high where the features are like none in training and where no class has a
    high logit. To it is added how far the features point away from all classes, and, where the model still gives the
    pretrained network's answers in part, how unlike training they are. Which parts count is said by their weights.

    Attributes:
        features: C, how many the model gives.
        dimensions: D, of the plane.
        mean: (C,) float32 as base64, of the training features.
        plane: (D, C) float16 as base64, row by row: orthonormal rows up to rounding.
        alpha: makes |r| as large as the highest logit on training photos; 0: it does not count.
        middle: the raw value with the score 0.5; beyond it a photo is none of the classes.
        width: a raw value of middle + width has the score 0.73.
        kept: the share of val photos that lie up to `middle`.
        answers: the pretrained network's own, where the model still gives some of them; their raw value is added.
        answers_weight: that it is multiplied by: both parts then spread alike over val photos. 0 without `answers`.
        classes: where the features of the classes point; their raw value is added.
        classes_weight: that it is multiplied by, likewise. 0 without `classes`.
    """

    features: int
    dimensions: int
    mean: str
    plane: str
    alpha: float
    middle: float
    width: float
    kept: float
    answers: OldAnswers | None = None
    answers_weight: float = 0.0
    classes: ClassDirections | None = None
    classes_weight: float = 0.0

    def __post_init__(self) -> None:
        check_range("features", self.features, 2, _MOST_FEATURES)
        check_range("dimensions", self.dimensions, 1, min(self.features, _MOST_DIMENSIONS))
        check_range("alpha", self.alpha, 0.0, 1e6)
        check_range("middle", self.middle, -1e6, 1e6)
        check_range("width", self.width, 1e-6, 1e6)
        check_range("kept", self.kept, 0.5, 1.0)
        for name, part, weight in (
            ("answers", self.answers, self.answers_weight),
            ("classes", self.classes, self.classes_weight),
        ):
            check_range(f"{name}_weight", weight, 0.0, 1e6)
            if (part is not None) != (weight > 0):
                raise RecycleNetError(f"{name} and {name}_weight go together: export the model, calibrate it again")
            if part is not None and part.features != self.features:
                raise RecycleNetError(f"{name} are for {part.features} features, not for {self.features}")
        _ = self._arrays  # decoded here, so that a damaged file is refused when it is read

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
        value = self._virtual_logit(logits, features)
        if self.answers is not None:
            value = value + self.answers_weight * self.answers.raw(features)
        if self.classes is not None:
            value = value + self.classes_weight * self.classes.raw(features)
        return value

    def _virtual_logit(self, logits: NDArray[np.float32], features: NDArray[np.float32]) -> NDArray[np.float64]:
        mean, plane = self._arrays
        centred = np.asarray(features, dtype=np.float32) - mean
        rest = (centred - (centred @ plane.T) @ plane).astype(np.float64)
        values = np.asarray(logits, dtype=np.float64)
        peak = values.max(axis=1)
        energy = peak + np.log(np.exp(values - peak[:, None]).sum(axis=1))
        return np.asarray(self.alpha * np.linalg.norm(rest, axis=1) - energy)

    def scores(self, logits: NDArray[np.float32], features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n,) in [0, 1], rising with `raw`; arguments as there."""
        steps = np.clip((self.raw(logits, features) - self.middle) / self.width, -500, 500)
        return np.asarray(1 / (1 + np.exp(-steps)))
