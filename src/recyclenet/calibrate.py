"""Fits what `Calibration` holds, on the val split alone: test stays unread, and train was answered too well."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recyclenet.calibration import Calibration
from recyclenet.conformal import Floats, Ints, choose_method, fit_threshold
from recyclenet.data.folder import PhotoFolder
from recyclenet.evaluate import Evaluation, Model, evaluate
from recyclenet.metrics import softmax
from recyclenet.unknown_fit import fit_unknown

_COLDEST, _HOTTEST = 0.05, 20.0
_STEPS = 60  # halvings: far beyond the precision of a float


@dataclass(frozen=True)
class Fit:
    """A calibration, and the evaluation on val that it was fitted on."""

    calibration: Calibration
    val: Evaluation


def calibrate(
    model: Model,
    folder: PhotoFolder,
    *,
    coverage: float = 0.95,
    on_progress: Callable[[int, int], None] | None = None,
) -> Fit:
    """Fits temperature and sets on val; and the unknown score on the features of train and val.

    Args:
        model: its own calibration, if it has one, is not used.
        folder: must have photos in train and val.
        coverage: how often a set should hold the true class, in (0, 1).
        on_progress: told (photos done, photos in all), for each part anew.

    Raises:
        RecycleNetError: as `evaluate`; or too few photos in val for this coverage.
    """
    val = evaluate(model, folder, "val", on_progress=on_progress)
    temperature = fit_temperature(val.logits, val.targets)
    probs = softmax(val.logits.astype(np.float64) / temperature)
    method = choose_method(probs, val.targets, coverage)
    unknown = None
    if val.features is not None:
        train = evaluate(model, folder, "train", on_progress=on_progress)
        if train.features is not None:  # always: both come from one model
            unknown = fit_unknown(train.features, train.targets, (val.logits, val.features))
    calibration = Calibration(
        temperature=temperature,
        coverage=coverage,
        set_method=method,
        set_threshold=fit_threshold(probs, val.targets, coverage, method),
        photos=len(val.records),
        fingerprint=val.fingerprint,
        unknown=unknown,
    )
    return Fit(calibration, val)


def fit_temperature(logits: Floats, targets: Ints) -> float:
    """The temperature with the lowest mean negative log-likelihood, in [0.05, 20].

    The likelihood is convex in the inverse temperature b; its slope there is the mean over photos of (mean logit
    under the probs at b) - (logit of the true class), which rises with b: halving finds where it is 0. A model that
    is right on every photo has no such place and gets the lowest temperature of the range, an always wrong one the
    highest.

    Source: https://arxiv.org/abs/1706.04599
    """
    values = np.asarray(logits, dtype=np.float64)
    gaps = values - values[np.arange(len(values)), targets][:, None]

    def slope(inverse: float) -> float:
        return float((softmax(values * inverse) * gaps).sum(axis=1).mean())

    low, high = np.log(1 / _HOTTEST), np.log(1 / _COLDEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(float(np.exp(middle))) <= 0 else (low, middle)
    return float(np.clip(np.exp(-(low + high) / 2), _COLDEST, _HOTTEST))
