"""How good is a model, said honestly: every photo of a split once, through the same path as a prediction."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recyclenet.calibration import UNKNOWN_FROM, calibrated_probs, temperature
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.splits import PhotoRecord
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra
from recyclenet.metrics import Scores, score
from recyclenet.model_files import CHECKPOINTS, EXPORTED
from recyclenet.photo import load_photo
from recyclenet.predictor import Predictor

LogitsOf = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""images (N, 3, H, W), normalised → logits (N, K)."""

FeaturesOf = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""images (N, 3, H, W), normalised → logits (N, K) and pooled features (N, C)."""

_BATCH = 16


@dataclass(frozen=True)
class Model:
    """Anything that can be evaluated: an ONNX file or a checkpoint, behind the same call."""

    name: str
    kind: str  # "onnx" or "checkpoint"
    description: ModelDescription
    logits_of: LogitsOf
    features_of: FeaturesOf | None = None  # None: it gives no features


@dataclass(frozen=True)
class Evaluation:
    """The result: scores, and for each photo what the model said of it, all in the order of `records`.

    Attributes:
        logits: (n, K), as the model gives them.
        features: (n, C), or None where the model gives none.
        scores: of the calibrated probabilities, where the model carries a calibration.
    """

    model: Model
    data: str
    split: str
    fingerprint: str
    records: tuple[PhotoRecord, ...]
    logits: NDArray[np.float32]
    scores: Scores
    features: NDArray[np.float32] | None = None

    @property
    def probs(self) -> NDArray[np.float64]:
        """(n, K), rows summing to 1; calibrated where the model carries a calibration."""
        return calibrated_probs(self.logits, self.model.description.calibration)

    @property
    def targets(self) -> NDArray[np.int64]:
        """(n,), each photo's true class as its place in the model's classes."""
        classes = self.model.description.classes
        return np.array([classes.index(record.label) for record in self.records])

    @property
    def unknown(self) -> NDArray[np.float64] | None:
        """(n,) in [0, 1], how strange each photo is; None where the model cannot tell."""
        calibration = self.model.description.calibration
        return None if calibration is None else calibration.strangeness(self.logits, self.features)

    @property
    def is_unknown(self) -> NDArray[np.bool_]:
        """(n,), whether each photo is said to be none of the classes; never, where the model cannot tell."""
        scores = self.unknown
        return np.zeros(len(self.records), dtype=bool) if scores is None else scores > UNKNOWN_FROM


def load_model(path: str | Path | None, device: str = "cpu") -> Model:
    """The bundled model (None), an .onnx file, or a checkpoint, this project's or the original's ('train' extra).

    Args:
        path: the model's file.
        device: where a checkpoint computes, as torch names it; exported models compute on the CPU.

    Raises:
        RecycleNetError: missing or damaged file, an ending that is neither, torch is not installed, or a
            device that this machine or this kind of model does not have.
    """
    if path is None or str(path).endswith(EXPORTED):
        if device != "cpu":
            name = "the bundled model" if path is None else path
            raise RecycleNetError(f"{name} runs on the CPU only; only a checkpoint can use the device {device!r}")
        predictor = Predictor(path)
        return exported_model(predictor)
    if not str(path).endswith(CHECKPOINTS):
        raise RecycleNetError(
            f"{path}: expected a model ending in {EXPORTED} or a checkpoint ending in {', '.join(CHECKPOINTS)}"
        )
    require_extra("train", "evaluating a checkpoint")
    from recyclenet.checkpoint_model import load_checkpoint_model

    description, features_of = load_checkpoint_model(path, device)
    return Model(str(path), "checkpoint", description, lambda images: features_of(images)[0], features_of)


def exported_model(predictor: Predictor) -> Model:
    """An opened exported model behind the call that evaluation takes."""

    def features_of(images: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        outputs = predictor.outputs(images)
        if outputs.features is None:
            raise RecycleNetError(f"{predictor.name} gives no features")
        return outputs.logits, outputs.features

    return Model(
        predictor.name,
        "onnx",
        predictor.description,
        lambda images: predictor.run(images)[0],
        features_of if predictor.has_features else None,
    )


def evaluate(
    model: Model, folder: PhotoFolder, split: str, *, on_progress: Callable[[int, int], None] | None = None
) -> Evaluation:
    """Answers every photo of a split and scores the answers.

    Args:
        model: what to evaluate.
        folder: the labelled photos.
        split: "train", "val", "test" or "all".
        on_progress: told (photos done, photos in all).

    Raises:
        PhotoError: a photo cannot be read: a figure over the rest would not be the split's.
        RecycleNetError: empty split, or labels that the model does not know.
    """
    records = known_records(model, folder, split)
    classes = model.description.classes
    logits, features = answer_images(
        model, _batches(folder.root, records, model.description), len(records), on_progress=on_progress
    )
    targets = np.array([classes.index(record.label) for record in records])
    return Evaluation(
        model=model,
        data=folder.root.resolve().name,
        split=split,
        fingerprint=folder.fingerprint(),
        records=records,
        logits=logits,
        scores=score(logits / temperature(model.description.calibration), targets, classes),
        features=features,
    )


def known_records(model: Model, folder: PhotoFolder, split: str) -> tuple[PhotoRecord, ...]:
    """The split's photos, all of classes that the model knows.

    Raises:
        RecycleNetError: empty split, or labels that the model does not know.
    """
    records = folder.split(split)
    classes = model.description.classes
    unknown = sorted({record.label for record in records} - set(classes))
    if unknown:
        raise RecycleNetError(
            f"{folder.root} has photos of {', '.join(unknown)}, "
            f"which the model does not know: it knows {', '.join(classes)}"
        )
    return records


def answer_images(
    model: Model,
    batches: Iterable[NDArray[np.float32]],
    total: int,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Batches of images (N, 3, H, W), at least one, → logits (n, K), and features (n, C) where the model gives any."""
    logits, features = [], []
    done = 0
    for images in batches:
        if model.features_of is None:
            logits.append(model.logits_of(images))
        else:
            given, pooled = model.features_of(images)
            logits.append(given)
            features.append(pooled)
        done += len(images)
        if on_progress is not None:
            on_progress(done, total)
    return np.concatenate(logits), np.concatenate(features) if features else None


def _batches(
    root: Path, records: Sequence[PhotoRecord], description: ModelDescription
) -> Iterator[NDArray[np.float32]]:
    preprocess = description.preprocess
    for start in range(0, len(records), _BATCH):
        chunk = records[start : start + _BATCH]
        photos = (load_photo(root / record.path, min_side=preprocess.resize) for record in chunk)
        yield np.stack([preprocess(photo) for photo in photos])
