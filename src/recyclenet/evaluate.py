"""How good is a model, said honestly: every photo of a split once, through the same path as a prediction."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recyclenet.data.folder import PhotoFolder
from recyclenet.data.splits import PhotoRecord
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra
from recyclenet.metrics import Scores, score, softmax
from recyclenet.photo import load_photo
from recyclenet.predictor import Predictor

LogitsOf = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""images (N, 3, H, W), normalised → logits (N, K)."""

_BATCH = 16
_CHECKPOINTS = (".safetensors", ".pth.tar", ".pth")


@dataclass(frozen=True)
class Model:
    """Anything that can be evaluated: an ONNX file or a checkpoint, behind the same call."""

    name: str
    kind: str  # "onnx" or "checkpoint"
    description: ModelDescription
    logits_of: LogitsOf


@dataclass(frozen=True)
class Evaluation:
    """The result: scores, and for each photo its logits. `records` and `logits` (n, K) are in the same order."""

    model: Model
    data: str
    split: str
    fingerprint: str
    records: tuple[PhotoRecord, ...]
    logits: NDArray[np.float32]
    scores: Scores

    @property
    def probs(self) -> NDArray[np.float64]:
        """(n, K), rows summing to 1."""
        return softmax(self.logits)


def load_model(path: str | Path | None, device: str = "cpu") -> Model:
    """The bundled model (None), an .onnx file, or a checkpoint, this project's or the original's ('train' extra).

    Args:
        path: the model's file.
        device: where a checkpoint computes, as torch names it; exported models compute on the CPU.

    Raises:
        RecycleNetError: missing or damaged file, an ending that is neither, torch is not installed, or a
            device that this machine or this kind of model does not have.
    """
    if path is None or str(path).endswith(".onnx"):
        if device != "cpu":
            name = "the bundled model" if path is None else path
            raise RecycleNetError(f"{name} runs on the CPU only; only a checkpoint can use the device {device!r}")
        predictor = Predictor(path)
        return Model(predictor.name, "onnx", predictor.description, lambda images: predictor.run(images)[0])
    if not str(path).endswith(_CHECKPOINTS):
        raise RecycleNetError(
            f"{path}: expected a model ending in .onnx or a checkpoint ending in {', '.join(_CHECKPOINTS)}"
        )
    require_extra("train", "evaluating a checkpoint")
    from recyclenet.checkpoint_model import load_checkpoint_model

    description, logits_of = load_checkpoint_model(path, device)
    return Model(str(path), "checkpoint", description, logits_of)


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
    records = folder.split(split)
    classes = model.description.classes
    unknown = sorted({record.label for record in records} - set(classes))
    if unknown:
        raise RecycleNetError(
            f"{folder.root} has photos of {', '.join(unknown)}, "
            f"which the model does not know: it knows {', '.join(classes)}"
        )
    logits = []
    done = 0
    for images in _batches(folder.root, records, model.description):
        logits.append(model.logits_of(images))
        done += len(images)
        if on_progress is not None:
            on_progress(done, len(records))
    targets = np.array([classes.index(record.label) for record in records])
    stacked = np.concatenate(logits)
    return Evaluation(
        model=model,
        data=folder.root.resolve().name,
        split=split,
        fingerprint=folder.fingerprint(),
        records=records,
        logits=stacked,
        scores=score(stacked, targets, classes),
    )


def _batches(
    root: Path, records: Sequence[PhotoRecord], description: ModelDescription
) -> Iterator[NDArray[np.float32]]:
    preprocess = description.preprocess
    for start in range(0, len(records), _BATCH):
        chunk = records[start : start + _BATCH]
        photos = (load_photo(root / record.path, min_side=preprocess.resize) for record in chunk)
        yield np.stack([preprocess(photo) for photo in photos])
