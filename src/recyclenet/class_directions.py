"""How far a photo's features point away from where those of every class point, whatever their length."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recyclenet.encoded import decode, encode
from recyclenet.errors import RecycleNetError
from recyclenet.strict import check_range

_MOST_FEATURES, _MOST_CLASSES = 16_384, 10_000  # beyond any network, and little enough memory for any machine


@dataclass(frozen=True)
class ClassDirections:
    """The mean directions of the classes' training features.

    A photo's raw value is minus the largest cosine between its features and one of them: -1 where it points just as a
    class does. Of all that was compared in results/unknown this alone tells strangers best for its size.

    Attributes:
        features: C, how many the model gives.
        classes: K, how many directions.
        directions: (K, C) float16 as base64, row by row; rows have length 1 up to rounding.
    """

    features: int
    classes: int
    directions: str

    def __post_init__(self) -> None:
        check_range("features", self.features, 2, _MOST_FEATURES)
        check_range("classes", self.classes, 1, _MOST_CLASSES)
        _ = self._rows  # decoded here, so that a damaged file is refused when it is read

    @cached_property
    def _rows(self) -> NDArray[np.float32]:
        rows = decode(self.directions, "<f2", self.classes * self.features, "directions")
        return rows.reshape(self.classes, self.features)

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n,) in [-1, 1] from features (n, C): the higher, the stranger."""
        return np.asarray(-(_unit(features) @ self._rows.T).max(axis=1), dtype=np.float64)

    def with_classes(self, features: NDArray[np.float32], targets: NDArray[np.int64]) -> "ClassDirections":
        """These, and those of more classes from their photos' features (n, C); targets (n,) tell them apart."""
        rows = np.concatenate([self._rows, _means(features, targets)])
        return replace(self, classes=len(rows), directions=encode(rows, "<f2"))


def fit_directions(features: NDArray[np.float32], targets: NDArray[np.int64]) -> ClassDirections:
    """The classes' mean directions.

    Args:
        features: (n, C), of training photos.
        targets: (n,), their classes.

    Raises:
        RecycleNetError: a class without a direction of its own.
    """
    rows = _means(features, targets)
    return ClassDirections(rows.shape[1], len(rows), encode(rows, "<f2"))


def _means(features: NDArray[np.float32], targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """(K, C), rows of length 1, in the order of the classes that there are."""
    pointing = _unit(features)
    means = np.stack([pointing[targets == label].mean(axis=0) for label in np.unique(targets)])
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    if not (lengths > 1e-6).all():
        raise RecycleNetError("the features of a class's photos point everywhere: no score for strangers goes by them")
    return np.asarray(means / lengths, dtype=np.float32)


def _unit(features: NDArray[np.float32]) -> NDArray[np.float32]:
    values = np.asarray(features, dtype=np.float32)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12))
