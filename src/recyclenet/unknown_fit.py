"""Fits an `UnknownScore`: mean and plane on train features, and where the line is drawn on val."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recyclenet.class_directions import fit_directions
from recyclenet.encoded import encode
from recyclenet.errors import RecycleNetError
from recyclenet.old_answers import OldAnswers
from recyclenet.unknown import UnknownScore

DIMENSIONS = 64
"""Of the plane; measured beside other scores in results/unknown of the repository."""
KEPT = 0.99
"""The share of val photos that the line keeps."""

RANK = 64
"""Of the old head: few of its numbers, so that an int8 file stays small; measured there too."""
TEMPERATURE = 2.0
"""Of the old answers; the one that training kept them at."""

Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A model's logits (n, K), before any temperature, and features (n, C)."""


Head = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A linear head on features: weight (A, C) and bias (A,)."""


def fit_unknown(
    train: Outputs,
    val: Outputs,
    old_head: Head | None = None,
    *,
    targets: NDArray[np.int64] | None = None,
    dimensions: int = DIMENSIONS,
    kept: float = KEPT,
) -> UnknownScore:
    """The score for a model.

    Args:
        train: of photos that the model was trained on.
        val: of photos that it was not trained on.
        old_head: the head that the pretrained network had, for a model whose training kept its answers; the score then
            goes by these, too.
        targets: (n,), classes of the train photos; the score then goes by where these point and by the logits, and no
            longer by what is beside the plane.
        dimensions: of the plane; at most half of the features, so that there is room beside it.
        kept: share of val photos that shall lie up to the line.

    Raises:
        RecycleNetError: too few photos, or features without a spread.
    """
    logits, features = train
    if len(features) < 3 or len(val[0]) < 1:
        raise RecycleNetError("the unknown score needs at least 3 photos in train and 1 in val")
    count = features.shape[1]
    dimensions = min(dimensions, count // 2, len(features) - 2)
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    # eigh sorts rising: the last directions are those of the largest spread.
    plane = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :dimensions].T
    draft = UnknownScore(
        count, dimensions, encode(mean, "<f4"), encode(plane, "<f2"), alpha=1.0, middle=0.0, width=1.0, kept=kept
    )
    flat = np.zeros((len(features), 1), np.float32)  # one logit of 0 has the energy 0: what is left is |r|
    rest = float(draft.raw(flat, features).mean())
    if not rest > 1e-9:
        raise RecycleNetError(f"the model's features fill no more than {dimensions} dimensions: no room for strangers")
    if targets is None:
        draft = replace(draft, alpha=max(0.0, float(logits.max(axis=1).mean()) / rest))
    else:
        classes = fit_directions(features, targets)
        own, other = (_spread(values) for values in (replace(draft, alpha=0.0).raw(*val), classes.raw(val[1])))
        draft = replace(draft, alpha=0.0, classes=classes, classes_weight=own / other)
    if old_head is not None:
        answers = fit_old_answers(features, old_head)
        own, other = (_spread(values) for values in (draft.raw(*val), answers.raw(val[1])))
        draft = replace(draft, answers=answers, answers_weight=own / other)
    values = draft.raw(*val)
    return replace(draft, middle=line_that_keeps(values, kept), width=_spread(values))


def _spread(values: NDArray[np.float64]) -> float:
    """Standard deviation of raw values (n,), never 0."""
    return max(float(values.std()), 1e-3)


def line_that_keeps(values: NDArray[np.float64], kept: float) -> float:
    """The lowest of the raw values (n,) up to which at least this share of them lies."""
    return float(np.sort(values)[min(len(values), math.ceil(round(kept * len(values), 9))) - 1])


def fit_old_answers(features: NDArray[np.float32], head: Head, rank: int = RANK) -> OldAnswers:
    """The old head at its best approximation of this rank, and its mean answer to training photos.

    Args:
        features: (n, C), of training photos.
        head: of the pretrained network.
        rank: at most as many as features and answers.

    Raises:
        RecycleNetError: a head for another number of features.
    """
    weight, bias = head
    if weight.shape[1] != features.shape[1]:
        raise RecycleNetError(f"the old head takes {weight.shape[1]} features, but the model gives {features.shape[1]}")
    left, sizes, right = np.linalg.svd(weight.astype(np.float64), full_matrices=False)
    rank = min(rank, len(sizes))
    root = np.sqrt(sizes[:rank])
    draft = OldAnswers(
        features=weight.shape[1],
        rank=rank,
        answers=len(weight),
        down=encode(root[:, None] * right[:rank], "<f2"),
        up=encode(left[:, :rank] * root, "<f2"),
        bias=encode(bias, "<f4"),
        usual=encode(np.full(len(weight), 1 / len(weight)), "<f4"),
        temperature=TEMPERATURE,
    )
    return replace(draft, usual=encode(draft.probs(features).mean(axis=0), "<f4"))
