"""Split conformal prediction: sets of classes that hold the true one as often as was asked for.

A photo's set is every class whose score lies at or below a threshold; the threshold is a quantile of the true
classes' scores on photos that the model was not trained on. New photos from the same source then have their class
in the set with at least that probability, whatever the model (Vovk, Gammerman and Shafer, 2005; tutorial:
https://arxiv.org/abs/2107.07511).

Arrays: `probs` (n, K) float in [0, 1] with rows summing to 1, `targets` (n,) int in [0, K).
"""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recyclenet.errors import RecycleNetError

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

Method = Literal["lac", "aps"]
METHODS: tuple[Method, ...] = ("lac", "aps")
"""lac: 1 - p, the smallest sets on average (https://arxiv.org/abs/1609.00451). aps: the sum of all probabilities
down to the class's own, larger sets where the model is unsure (https://arxiv.org/abs/2006.02544)."""

# A sum that reaches the threshold in other digits than on val must not fall out of the set.
_SLACK = 1e-9


def nonconformity(probs: Floats, method: Method) -> NDArray[np.float64]:
    """How badly each class fits, (n, K) in [0, 1]: the likelier a class, the lower."""
    values = np.asarray(probs, dtype=np.float64)
    if method == "lac":
        return np.asarray(1 - values)
    order = np.argsort(-values, axis=1, kind="stable")
    sums = np.take_along_axis(values, order, axis=1).cumsum(axis=1)
    scores = np.empty_like(values)
    np.put_along_axis(scores, order, np.minimum(sums, 1.0), axis=1)
    return scores


def fit_threshold(probs: Floats, targets: Ints, coverage: float, method: Method) -> float:
    """The ceil((n + 1) · coverage)-th smallest score of the true classes: the finite-sample quantile.

    Raises:
        RecycleNetError: too few photos for this coverage (95 % needs 19).
    """
    count = len(targets)
    # Rounded first: 20 · 0.95 is 19, and a float's 19.000000000000004 would ask for one photo more.
    rank = math.ceil(round((count + 1) * coverage, 9))
    if rank > count:
        raise RecycleNetError(
            f"sets that hold the true class {100 * coverage:g} % of the time need at least "
            f"{math.ceil(round(coverage / (1 - coverage), 9))} photos to be fitted on, not {count}"
        )
    scores = nonconformity(probs, method)[np.arange(count), targets]
    return float(np.sort(scores)[rank - 1])


def prediction_sets(probs: Floats, threshold: float, method: Method) -> NDArray[np.bool_]:
    """(n, K) bool: the classes in each photo's set; the likeliest is always in it, so that no set is empty."""
    members = nonconformity(probs, method) <= threshold + _SLACK
    members[np.arange(len(members)), np.asarray(probs).argmax(axis=1)] = True
    return np.asarray(members)


def choose_method(probs: Floats, targets: Ints, coverage: float) -> Method:
    """The method with the smaller sets on photos that its threshold was not fitted on; lac where they are equal.

    Every second photo fits, the others are measured, and the other way round: both methods cover alike, so the size
    of the sets is what is left to choose by.
    """
    if len(targets) < 2 * math.ceil(coverage / (1 - coverage)):
        return "lac"  # a half would be too few to fit on
    halves = (slice(0, None, 2), slice(1, None, 2))

    def mean_size(method: Method) -> float:
        total = 0
        for fitted, measured in (halves, halves[::-1]):
            threshold = fit_threshold(probs[fitted], targets[fitted], coverage, method)
            total += int(prediction_sets(probs[measured], threshold, method).sum())
        return total / len(targets)

    return min(METHODS, key=mean_size)
