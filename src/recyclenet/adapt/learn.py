"""From features of a few photos to a new head: how strongly to pull, and what held-out photos say, by cross-validation.

Arrays: `features` (n, V, C) float32, V views of n photos, the first of them the plain one; `targets` (n,) int in
[0, K); `memory` as `memory_rows` makes it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recyclenet.adapt.head_fit import HeadFit, Rows
from recyclenet.adapt.onnx_head import Head
from recyclenet.metrics import mean_nll

PULLS = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4)
"""Tried from the strongest, which hardly leaves the old head, to the weakest."""

FOLDS = 5

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class HeldOut:
    """What heads that had not seen a photo say of it.

    Attributes:
        logits: (n, K) float32, of plain views; each from a head, and a pull, that the photo had no part in.
        pull: for a head of all photos: the one with the highest likelihood over all folds.
        nll: mean negative log-likelihood over all folds by pull, for the choice of `pull`.
    """

    logits: Floats
    pull: float
    nll: dict[float, float]


def grown(old: Head, num_classes: int) -> Head:
    """The old head with a row for each new class: the mean of the old rows, neither liked nor disliked."""
    more = num_classes - len(old.bias)
    return Head(
        np.concatenate([old.weight, np.repeat(old.weight.mean(axis=0, keepdims=True), more, axis=0)]),
        np.concatenate([old.bias, np.repeat(old.bias.mean(), more)]).astype(np.float32),
    )


def learn(features: Floats, targets: Ints, start: Head, memory: Rows, pull: float) -> Head:
    """The head of all these photos at one pull."""
    return HeadFit(_rows(features, targets, len(start.bias), memory), start).fit(pull)


def hold_out(
    features: Floats,
    targets: Ints,
    folds: Ints,
    start: Head,
    memory: Rows,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> HeldOut:
    """Answers every photo by a head learnt without its fold.

    The pull of that head is the one that does best on another fold, by heads learnt without both: nothing about a
    photo is known to the head that answers it.

    Args:
        features: (n, V, C).
        targets: (n,).
        folds: (n,) int, each photo's fold, counted from 0; at least 2 folds.
        start: the old head, grown to K classes.
        memory: what not to forget.
        on_progress: told (paths of heads done, paths in all).
    """
    count = int(folds.max()) + 1
    logits = np.zeros((len(targets), len(start.bias)), np.float32)
    by_pull = {pull: np.zeros_like(logits) for pull in PULLS}
    for fold in range(count):
        out = folds == fold
        judged = folds == (fold + 1) % count
        # Two folds leave nothing to judge on but what is learnt from: then the middle pull is taken.
        chosen = PULLS[len(PULLS) // 2]
        if count > 2:
            inner = list(_path(features[~out & ~judged], targets[~out & ~judged], start, memory))
            scores = [mean_nll(head.logits(features[judged, 0]), targets[judged]) for head in inner]
            chosen = PULLS[int(np.argmin(scores))]
        on_progress(2 * fold + 1, 2 * count)
        for pull, head in zip(PULLS, _path(features[~out], targets[~out], start, memory), strict=True):
            by_pull[pull][out] = head.logits(features[out, 0])
        logits[out] = by_pull[chosen][out]
        on_progress(2 * fold + 2, 2 * count)
    nll = {pull: mean_nll(values, targets) for pull, values in by_pull.items()}
    return HeldOut(logits, min(nll, key=lambda pull: nll[pull]), nll)


def _path(features: Floats, targets: Ints, start: Head, memory: Rows) -> Iterator[Head]:
    """A head for each of PULLS."""
    fit = HeadFit(_rows(features, targets, len(start.bias), memory), start)
    return (fit.fit(pull) for pull in PULLS)


def _rows(features: Floats, targets: Ints, num_classes: int, memory: Rows) -> Rows:
    """All views with their classes, each class counting alike and all together 1, and the memory."""
    photos, views, _ = features.shape
    counts = np.bincount(targets, minlength=num_classes)
    weights = 1 / (counts[targets] * np.count_nonzero(counts) * views)
    seen = Rows(
        features.reshape(photos * views, -1),
        np.eye(num_classes, dtype=np.float32)[np.repeat(targets, views)],
        np.repeat(weights, views).astype(np.float32),
        np.full(photos * views, num_classes),
    )
    return Rows.join(seen, memory)
