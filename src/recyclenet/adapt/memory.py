"""What a head said before, so that it goes on saying it: without the old photos, or with them."""

import numpy as np
from numpy.typing import NDArray

from recyclenet.adapt.head_fit import Rows
from recyclenet.adapt.onnx_head import Head
from recyclenet.metrics import softmax
from recyclenet.unknown import UnknownScore

REMEMBERED = 300
"""Features by which the old head is remembered."""

WEIGHT = 3.0
"""How much the memory counts where all new photos count 1: a bit of what they gain is given for a third of the loss."""

AGAINST_NEW = 0.1
"""The share of the memory that speaks against new classes, too; the rest asks for the old classes among themselves.

What the old head never knew it cannot speak of: with all of the memory against a new class, three quarters of its
photos are answered with an old one; so it is half of them (results/adapt)."""

WIDENED = 1.5
"""Imagined features are spread wider than the new photos by this, so that the edges of the old classes are held too."""

Floats = NDArray[np.float32]


def imagined_features(unknown: UnknownScore, photos: Floats, seed: int) -> Floats:
    """(REMEMBERED, C): features as the training photos might have had, from what the model file says of these.

    The file has their mean and the plane in which they vary most, but not how much; that is taken from how much the
    new photos vary along each direction of the plane, times WIDENED.

    Args:
        unknown: the file's.
        photos: (n, C) features of the new photos.
        seed: of the draw.
    """
    spread = ((photos - unknown.centre) @ unknown.directions.T).std(axis=0)
    draws = np.random.default_rng(seed).normal(size=(REMEMBERED, len(spread))) * (WIDENED * spread)
    return np.asarray(unknown.centre + draws @ unknown.directions, dtype=np.float32)


def memory_rows(features: Floats, old: Head, num_classes: int) -> Rows:
    """Rows that ask of a head what the old head said; together they count WEIGHT times as much as all new photos.

    Where there are new classes every feature has two rows: one asks for the old answer among the old classes alone,
    and one, which counts AGAINST_NEW of both, for no share of the new ones.

    Args:
        features: (m, C), of the old photos, or imagined ones; may be empty.
        old: the head before.
        num_classes: of the new head.
    """
    count, known = len(features), len(old.bias)
    targets = np.zeros((count, num_classes), np.float32)
    targets[:, :known] = softmax(old.logits(features)) if count else 0
    each = WEIGHT / max(count, 1)

    def rows(share: float, among: int) -> Rows:
        return Rows(features, targets, np.full(count, share * each, np.float32), np.full(count, among))

    if num_classes == known:
        return rows(1, known)
    return Rows.join(rows(1 - AGAINST_NEW, known), rows(AGAINST_NEW, num_classes))
