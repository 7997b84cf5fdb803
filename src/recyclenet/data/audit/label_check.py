"""Labels that look mistaken: a classifier that never saw a photo, or a twin of it, is sure of another class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recyclenet.data.audit.softmax_regression import fit_and_answer
from recyclenet.data.folds import deal_folds
from recyclenet.data.groups import Groups
from recyclenet.data.splits import PhotoRecord

_FOLDS = 5
_SEED = 1234


@dataclass(frozen=True)
class Suspect:
    """A photo whose label is doubted.

    Attributes:
        record: the photo.
        answer: the class that it looks like.
        prob: of that class, out of fold, in [0, 1].
        label_prob: of its label.
    """

    record: PhotoRecord
    answer: str
    prob: float
    label_prob: float


@dataclass(frozen=True)
class LabelCheck:
    """All suspects, the least likely label first, and on how many of `total` photos answer and label agree."""

    suspects: tuple[Suspect, ...]
    agreeing: int
    total: int


def check_labels(
    records: Sequence[PhotoRecord], embeddings: NDArray[np.float32], groups: Groups, classes: tuple[str, ...]
) -> LabelCheck:
    """Five folds, grouped by twins; each is answered by a linear classifier trained on the other four.

    A photo is a suspect when another class is the most likely one, at least as likely as that class is on average for
    the photos that carry its label (confident learning, https://arxiv.org/abs/1911.00068). Classes that are a single
    group are left out: nothing is known of them without it.

    Args:
        records: N photos.
        embeddings: (N, C).
        groups: which photos are twins.
        classes: all labels.
    """
    targets = np.array([classes.index(record.label) for record in records], np.int64)
    known = _known_classes(records, groups)
    if len(known) < 2 or len(records) < _FOLDS:
        return LabelCheck((), 0, 0)
    folds = deal_folds([(record.path, record.label) for record in records], groups, folds=_FOLDS, seed=_SEED)
    numbers = np.array([folds[record.path] for record in records])
    probs = np.zeros((len(records), len(classes)))
    for fold in range(_FOLDS):
        held_out = numbers == fold
        if held_out.any():
            probs[held_out] = fit_and_answer(
                embeddings[~held_out], targets[~held_out], embeddings[held_out], len(classes)
            )
    own = probs[np.arange(len(records)), targets]
    usual = np.array([own[targets == k].mean() if (targets == k).any() else 1.0 for k in range(len(classes))])
    answers = probs.argmax(axis=1)
    judged = np.array([record.label in known for record in records])
    doubted = judged & (answers != targets) & (probs.max(axis=1) >= usual[answers])
    suspects = [
        Suspect(records[i], classes[answers[i]], float(probs[i].max()), float(own[i]))
        for i in sorted(np.flatnonzero(doubted).tolist(), key=lambda i: own[i])
    ]
    return LabelCheck(tuple(suspects), int((judged & (answers == targets)).sum()), int(judged.sum()))


def _known_classes(records: Sequence[PhotoRecord], groups: Groups) -> set[str]:
    """Classes of two groups or more."""
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record.label, set()).add(groups.get(record.path, f"photo {record.path}"))
    return {label for label, names in found.items() if len(names) > 1}
