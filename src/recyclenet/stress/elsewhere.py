"""A model on photos from somewhere else, and on things that are none of its classes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recyclenet.calibration import UNKNOWN_FROM
from recyclenet.data.folder import find_photos
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Model, answer_images
from recyclenet.metrics import wilson_interval
from recyclenet.photo import load_photo
from recyclenet.selective import auroc, false_positive_rate

EITHER = "_or_"
STRANGERS = "unknown"

Answers = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Logits (n, K), and features (n, C) where the model gives any."""


@dataclass(frozen=True)
class Place:
    """One folder: right is an answer in `accepted`."""

    name: str
    accepted: tuple[str, ...]
    correct: int
    total: int


@dataclass(frozen=True)
class Strangers:
    """Things that are none of the classes, told apart by the unknown score.

    Attributes:
        total: photos of such things.
        named: of these, said to be none of the classes.
        friends: photos of the classes.
        misnamed: of these, said to be none of the classes.
        auroc: of the score, strangers against friends.
        fpr95: the share of strangers taken for known where 95 % of the friends are kept.
    """

    total: int
    named: int
    friends: int
    misnamed: int
    auroc: float
    fpr95: float


@dataclass(frozen=True)
class Elsewhere:
    """The whole: each folder, all of them together, and strangers if there are any that the model can judge."""

    data: str
    places: tuple[Place, ...]
    correct: int
    total: int
    interval: tuple[float, float]
    strangers: Strangers | None


def measure_elsewhere(model: Model, root: Path, *, on_progress: Callable[[int, int], None] | None = None) -> Elsewhere:
    """Answers every photo of a folder of folders.

    Args:
        model: what to measure.
        root: holds a folder a class; one named `paper_or_cardboard` accepts either answer, and `unknown` holds things
            that are none of the classes.
        on_progress: told (photos done, photos in all).

    Raises:
        PhotoError: a photo cannot be read.
        RecycleNetError: no such folder, no photos, or a folder that is named after no class.
    """
    if not root.is_dir():
        raise RecycleNetError(f"there is no folder {root}; expected one with a folder of photos for each class")
    folders = {folder.name: find_photos(folder) for folder in sorted(root.iterdir()) if folder.is_dir()}
    folders = {name: paths for name, paths in folders.items() if paths}
    classes = model.description.classes
    known = {name: _accepted(name, classes, root) for name in folders if name != STRANGERS}
    if not known:
        raise RecycleNetError(f"{root} has no folder with photos of a class; the model knows {', '.join(classes)}")
    every = [path for paths in folders.values() for path in paths]
    logits, features = _answer(model, every, on_progress)
    ends = np.cumsum([len(paths) for paths in folders.values()])[:-1]
    pooled = [None] * len(folders) if features is None else np.split(features, ends)
    answers = dict(zip(folders, zip(np.split(logits, ends), pooled, strict=True), strict=True))
    places = tuple(
        Place(name, accepted, _right(answers[name][0], accepted, classes), len(folders[name]))
        for name, accepted in known.items()
    )
    correct, total = sum(place.correct for place in places), sum(place.total for place in places)
    return Elsewhere(
        root.resolve().name, places, correct, total, wilson_interval(correct, total), _strangers(model, answers)
    )


def _accepted(name: str, classes: tuple[str, ...], root: Path) -> tuple[str, ...]:
    accepted = (name,) if name in classes else tuple(name.split(EITHER))
    if not set(accepted) <= set(classes):
        raise RecycleNetError(
            f"{root / name} is named after no class: the model knows {', '.join(classes)}; a folder for either of two "
            f"is named like {classes[0]}{EITHER}{classes[1]}, one for none of them {STRANGERS}"
        )
    return accepted


def _answer(model: Model, paths: list[Path], on_progress: Callable[[int, int], None] | None) -> Answers:
    preprocess = model.description.preprocess
    batches = (preprocess(load_photo(path, min_side=preprocess.resize))[None] for path in paths)
    return answer_images(model, batches, len(paths), on_progress=on_progress)


def _right(logits: NDArray[np.float32], accepted: tuple[str, ...], classes: tuple[str, ...]) -> int:
    return int(np.isin(logits.argmax(axis=1), [classes.index(name) for name in accepted]).sum())


def _strangers(model: Model, answers: dict[str, Answers]) -> Strangers | None:
    calibration = model.description.calibration
    if calibration is None or STRANGERS not in answers:
        return None
    scores = {name: calibration.strangeness(*found) for name, found in answers.items()}
    strangers = scores.pop(STRANGERS)
    told = [values for values in scores.values() if values is not None]
    if strangers is None or not told:
        return None
    friends = np.concatenate(told)
    return Strangers(
        total=len(strangers),
        named=int((strangers > UNKNOWN_FROM).sum()),
        friends=len(friends),
        misnamed=int((friends > UNKNOWN_FROM).sum()),
        auroc=auroc(strangers, friends),
        fpr95=false_positive_rate(strangers, friends),
    )
