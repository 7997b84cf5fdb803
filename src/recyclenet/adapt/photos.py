"""A user's photos as features: every photo in several views, broken ones left out by name."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recyclenet.adapt.views import SEEN_SIDE, views
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.groups import connect
from recyclenet.data.splits import PhotoRecord
from recyclenet.errors import PhotoError, RecycleNetError
from recyclenet.photo import load_photo
from recyclenet.predictor import Predictor

MOST_BROKEN = 0.1
"""Share of photos that may be left out: a folder with more is not what its owner believes it to be."""

ALIKE = 0.9
"""Cosine from which two photos' features are of one shot or nearly so: a photo and its mirror image have as much."""

Progress = Callable[[str, int, int], None]
"""Told (what is done, so much, of so much)."""


@dataclass(frozen=True)
class SeenPhotos:
    """Photos as a model sees them.

    Attributes:
        records: n photos.
        features: (n, V, C) float32, V views of each, the first as when it answers.
        skipped: photos that could not be read, each with its reason.
    """

    records: tuple[PhotoRecord, ...]
    features: NDArray[np.float32]
    skipped: tuple[str, ...]


def see_photos(
    predictor: Predictor,
    folder: PhotoFolder,
    records: Sequence[PhotoRecord],
    *,
    count: int,
    seed: int,
    on_progress: Callable[[int, int], None],
) -> SeenPhotos:
    """Runs the model on `count` views of every photo.

    Args:
        predictor: gives features.
        folder: where the photos lie.
        records: which of them.
        count: views of each photo.
        seed: of the views; a photo's views depend on it and on the photo's path alone.
        on_progress: told (photos done, photos in all).

    Raises:
        RecycleNetError: more than MOST_BROKEN of the photos cannot be read, or fewer than two of a class can.
    """
    preprocess = predictor.preprocess
    kept, features, skipped = [], [], []
    for done, record in enumerate(records, start=1):
        try:
            photo = load_photo(
                folder.root / record.path, min_side=max(preprocess.resize, round(SEEN_SIDE * preprocess.img_size))
            )
        except PhotoError as error:
            skipped.append(str(error))
        else:
            own = zlib.crc32(f"{seed} {record.path}".encode("utf-8", "surrogatepass"))
            images = np.stack([preprocess.normalize(view) for view in views(photo, preprocess, count, own)])
            features.append(_features(predictor, images))
            kept.append(record)
        on_progress(done, len(records))
    if len(skipped) > MOST_BROKEN * len(records):
        raise RecycleNetError(
            f"{len(skipped)} of {len(records)} photos in {folder.root} cannot be read: repair or remove them; "
            f"the first is {skipped[0]}"
        )
    check_classes(
        [record.label for record in kept],
        {record.label for record in records},
        f"{folder.root} (without {len(skipped)} broken photos)" if skipped else str(folder.root),
    )
    return SeenPhotos(tuple(kept), np.stack(features), tuple(skipped))


def check_classes(labels: Sequence[str], wanted: Iterable[str], where: str) -> None:
    """Raises RecycleNetError where a class has no two photos: what is learnt from one could not be checked."""
    counts = Counter(labels)
    lonely = ", ".join(f"{label} ({counts[label]})" for label in sorted(wanted) if counts[label] < 2)
    if lonely:
        raise RecycleNetError(f"{where} has too few photos of {lonely}: take at least 2 of each class, better 10")


def shots_of_one_thing(
    features: NDArray[np.float32], records: Sequence[PhotoRecord], least: int
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Photos of one class that look alike to the model: they are held out together or not at all.

    Args:
        features: (n, C), of plain views.
        records: n photos.
        least: groups that a class must have, or each of its photos stands for itself: without enough of them it
            could not be learnt while some of it is held out.

    Returns:
        Path → group, and the classes that have not enough of them though they have enough photos.
    """
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    labels = np.array([record.label for record in records])
    alike = np.argwhere(np.triu((unit @ unit.T >= ALIKE) & (labels[:, None] == labels), k=1))
    firsts = np.array(connect(len(records), ((int(a), int(b)) for a, b in alike)))
    few = [
        str(label)
        for label in np.unique(labels)
        if len(set(firsts[labels == label])) < min(least, int((labels == label).sum()))
    ]
    groups = {
        record.path: records[first].path
        for record, first in zip(records, firsts, strict=True)
        if record.label not in few
    }
    return groups, tuple(few)


def _features(predictor: Predictor, images: NDArray[np.float32]) -> NDArray[np.float32]:
    features = predictor.outputs(images).features
    if features is None:
        raise RecycleNetError(f"{predictor.name} gives no features: export the checkpoint again with this version")
    return features
