"""What an adapted model may say of its own certainty: fitted anew on held-out photos of the new camera."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recyclenet.calibrate import fit_temperature
from recyclenet.calibration import Calibration
from recyclenet.conformal import fit_threshold
from recyclenet.metrics import softmax
from recyclenet.unknown import UnknownScore
from recyclenet.unknown_fit import line_that_keeps

COVERAGE = 0.95  # where the model had no calibration that names one


def recalibrate(
    old: Calibration | None,
    logits: NDArray[np.float32],
    features: NDArray[np.float32],
    targets: NDArray[np.int64],
    fingerprint: str,
) -> tuple[Calibration | None, str]:
    """A calibration for the new head, and what became of the old one, in words.

    Temperature and sets come from the photos' held-out answers; sets by lac, since so few photos cannot say which
    method's are smaller, and lac's are on average. The line beyond which a photo is none of the classes
    moves out until it keeps the share of these photos that it was to keep of the old ones; it never moves in, so that
    what the camera before saw stays known. With too few photos for sets of this coverage there is no calibration:
    the old one speaks of another head.

    Args:
        old: of the model before.
        logits: (n, K), of heads that had not seen the photo.
        features: (n, C).
        targets: (n,).
        fingerprint: of the photos' folder.
    """
    coverage = COVERAGE if old is None else old.coverage
    needed = math.ceil(round(coverage / (1 - coverage), 9))
    if len(targets) < needed:
        return None, f"dropped: sets with {100 * coverage:g} % coverage need {needed} photos, not {len(targets)}"
    temperature = fit_temperature(logits, targets)
    probs = softmax(logits.astype(np.float64) / temperature)
    unknown = None if old is None or old.unknown is None else _moved_out(old.unknown, logits, features, targets)
    made = Calibration(
        temperature=temperature,
        coverage=coverage,
        set_method="lac",
        set_threshold=fit_threshold(probs, targets, coverage, "lac"),
        photos=len(targets),
        fingerprint=fingerprint,
        unknown=unknown,
    )
    return made, f"fitted anew on {len(targets)} held-out photos, temperature {temperature:.3f}"


def _moved_out(
    unknown: UnknownScore, logits: NDArray[np.float32], features: NDArray[np.float32], targets: NDArray[np.int64]
) -> UnknownScore:
    """With the directions of classes that the model did not know, and a line that keeps the photos."""
    new = targets >= unknown.classes.classes
    if new.any():
        unknown = replace(unknown, classes=unknown.classes.with_classes(features[new], targets[new]))
    line = line_that_keeps(unknown.raw(logits, features), unknown.kept)
    return replace(unknown, middle=max(unknown.middle, line))
