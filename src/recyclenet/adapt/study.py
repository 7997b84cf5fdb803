"""From photos as a model sees them to a new head, with held-out answers: everything about adapting but files."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recyclenet.adapt.learn import HeldOut, grown, hold_out, learn
from recyclenet.adapt.memory import imagined_features, memory_rows
from recyclenet.adapt.onnx_head import Head
from recyclenet.adapt.photos import Progress, SeenPhotos, shots_of_one_thing
from recyclenet.adapt.result import AdaptSettings
from recyclenet.data.folds import deal_folds
from recyclenet.unknown import UnknownScore


@dataclass(frozen=True)
class Study:
    """What was learnt.

    Attributes:
        head: of all photos.
        targets: (n,), each photo's class.
        held_out: what heads without them say of the photos.
        remembered: by what the old head was held: "replay", "imagined", or "nothing".
        alike: classes whose photos look so alike that what is said of held-out ones may be too good.
    """

    head: Head
    targets: NDArray[np.int64]
    held_out: HeldOut
    remembered: str
    alike: tuple[str, ...]


def study(
    old: Head,
    classes: tuple[str, ...],
    seen: SeenPhotos,
    *,
    unknown: UnknownScore | None,
    replayed: NDArray[np.float32] | None,
    settings: AdaptSettings,
    told: Progress = lambda *_: None,
) -> Study:
    """Measures on held-out photos, then learns from all.

    Args:
        old: the head before.
        classes: of the new head; the old head's come first.
        seen: the new photos.
        unknown: what the model file says of its training photos; to imagine them by.
        replayed: (m, C) features of old photos, which are better than imagined ones.
        settings: seed and folds.
        told: hears of the progress.
    """
    targets = np.array([classes.index(record.label) for record in seen.records])
    flat = seen.features.reshape(-1, seen.features.shape[-1])
    if replayed is not None:
        remembered, features = "replay", replayed
    elif unknown is not None:
        remembered, features = "imagined", imagined_features(unknown, flat, settings.seed)
    else:
        remembered, features = "nothing", flat[:0]
    memory = memory_rows(features, old, len(classes))
    start = grown(old, len(classes))
    folds, alike = _folds(seen, settings)
    held_out = hold_out(seen.features, targets, folds, start, memory, lambda *at: told("held-out photos", *at))
    head = learn(seen.features, targets, start, memory, held_out.pull)
    return Study(head, targets, held_out, remembered, alike)


def _folds(seen: SeenPhotos, settings: AdaptSettings) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(n,) the fold of each photo, and `Study.alike`."""
    count = min(settings.folds, len(seen.records))
    groups, alike = shots_of_one_thing(seen.features[:, 0], seen.records, count)
    labelled = [(record.path, record.label) for record in seen.records]
    folds = deal_folds(labelled, groups, folds=count, seed=settings.seed)
    # A fold that large groups left empty would be a gap in the count.
    return np.unique([folds[path] for path, _ in labelled], return_inverse=True)[1], alike
