"""From a photo to an answer with an exported model: numpy, Pillow and onnxruntime, nothing else."""

import os
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recyclenet.calibration import UNKNOWN_FROM, calibrated_probs
from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.errors import RecycleNetError, first_line
from recyclenet.machine import adds_up_bytes_exactly
from recyclenet.model_files import CHECKPOINTS
from recyclenet.onnx_file import MAX_BYTES, read_onnx
from recyclenet.photo import accept_picture, load_photo
from recyclenet.signature import check_signature

# onnxruntime reports its use to its maker unless it is told otherwise before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

AnyPhoto = str | os.PathLike[str] | bytes | Image.Image
"""A photo: a path, the bytes of a file, or a Pillow image of any mode."""

BUNDLED_MODEL = "trashnet-mobilenetv2.onnx"


@dataclass(frozen=True)
class Prediction:
    """One answer.

    Attributes:
        label: the most likely class.
        prob: its probability, in [0, 1]; a calibrated one where the model carries a calibration.
        probs: of every class, in the model's order; they sum to 1.
        ms: milliseconds from opening the photo to the answer.
        view: the RGB square that the model saw.
        evidence: (K, h, w) float32, each class's evidence by place; its mean over h and w is the logit.
        possible: the classes that it may well be, the likeliest first; None where the model has no calibration.
        unknown: how strange the photo is, in [0, 1]; None where the model cannot tell.
    """

    label: str
    prob: float
    probs: dict[str, float]
    ms: float
    view: Image.Image
    evidence: NDArray[np.float32]
    possible: tuple[str, ...] | None = None
    unknown: float | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether it is none of the classes, as far as the model can tell."""
        return self.unknown is not None and self.unknown > UNKNOWN_FROM

    @property
    def verdict(self) -> str:
        """The answer in words, doubt included: "glass", "not sure: plastic or glass", or "none of these"."""
        if self.is_unknown:
            return "none of these"
        if self.possible is not None and len(self.possible) > 1:
            return f"not sure: {' or '.join(self.possible)}"
        return self.label

    def to_table(self) -> dict[str, Any]:
        """What was answered and how sure that is, as plain values: label, prob, probs, set, unknown."""
        return {
            "label": self.label,
            "prob": self.prob,
            "probs": self.probs,
            "set": None if self.possible is None else list(self.possible),
            "unknown": self.unknown,
        }


class Outputs(NamedTuple):
    """What a model says of N images.

    Attributes:
        logits: (N, K) float32.
        evidence: (N, K, h, w) float32, see `Prediction.evidence`.
        features: (N, C) float32, pooled, as the head gets them; None in files exported before there were any.
    """

    logits: NDArray[np.float32]
    evidence: NDArray[np.float32]
    features: NDArray[np.float32] | None


class Predictor:
    """Answers for photos. Safe to share between threads.

    >>> predictor = Predictor()                       # the bundled model
    >>> predictor.predict("bottle.jpg").label         # doctest: +SKIP
    'glass'

    Args:
        model: an exported .onnx file, or its bytes; the bundled model by default.
        threads: for one inference; by default as many as there are cores.
        name: how errors call the model; by default its path.

    Raises:
        RecycleNetError: missing or damaged file, or not a model that `recyclenet export` wrote.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes | None = None,
        *,
        threads: int | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name or model_name(model)
        data = model if isinstance(model, bytes) else read_model(model)
        file = read_onnx(data, self.name)
        if METADATA_KEY not in file.metadata:
            raise RecycleNetError(
                f"{self.name} has no recyclenet description; expected a file from 'recyclenet export'"
            )
        self.description = ModelDescription.from_json(file.metadata[METADATA_KEY], self.name)
        self.preprocess = self.description.preprocess
        self.classes = self.description.classes
        self.has_features = any(item.name == "features" for item in file.outputs)
        check_signature(file.inputs, file.outputs, self.description, self.name)
        self._session = open_session(data, self.name, threads)
        # Once more: what a file declares is its own word, this is what onnxruntime makes of the graph.
        check_signature(self._session.get_inputs(), self._session.get_outputs(), self.description, self.name)

    def view(self, photo: AnyPhoto) -> Image.Image:
        """What the model sees of a photo: an RGB square of `img_size` pixels.

        Raises:
            PhotoError: the photo cannot be used; names it and the reason.
        """
        if isinstance(photo, Image.Image):
            image = accept_picture(photo)
        else:
            image = load_photo(photo, min_side=self.preprocess.resize)
        return self.preprocess.view(image)

    def predict(self, photo: AnyPhoto) -> Prediction:
        """Answers for one photo.

        Raises:
            PhotoError: the photo cannot be used; names it and the reason.
        """
        started = time.perf_counter()
        view = self.view(photo)
        logits, evidence, features = self.outputs(self.preprocess.normalize(view)[None])
        calibration = self.description.calibration
        probs = calibrated_probs(logits, calibration)[0]
        best = int(probs.argmax())
        strangeness = None if calibration is None else calibration.strangeness(logits, features)
        return Prediction(
            label=self.classes[best],
            prob=float(probs[best]),
            probs={name: float(value) for name, value in zip(self.classes, probs, strict=True)},
            ms=1000 * (time.perf_counter() - started),
            view=view,
            evidence=evidence[0],
            possible=None if calibration is None else calibration.possible(probs, self.classes),
            unknown=None if strangeness is None else float(strangeness[0]),
        )

    def run(self, images: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Images (N, 3, img_size, img_size) from `preprocess` → logits (N, K) and evidence maps (N, K, h, w)."""
        return self.outputs(images)[:2]

    def outputs(self, images: NDArray[np.float32]) -> Outputs:
        """Images (N, 3, img_size, img_size) from `preprocess` → everything that the model says of them.

        Raises:
            RecycleNetError: the model fails, or says something else than its description promises.
        """
        names = ["logits", "cam", "features"] if self.has_features else ["logits", "cam"]
        try:
            logits, evidence, *features = self._session.run(names, {"images": images})
        # As in `open_session`: many types, no common base.
        except Exception as error:
            raise RecycleNetError(f"{self.name} fails on a photo: {first_line(error, 200)}") from error
        if logits.shape != (len(images), len(self.classes)) or evidence.shape[:2] != logits.shape:
            raise RecycleNetError(
                f"{self.name} answers {len(images)} photos with logits {logits.shape} and cam {evidence.shape}; "
                f"expected ({len(images)}, {len(self.classes)}) and that with h and w"
            )
        if not np.isfinite(logits).all():
            raise RecycleNetError(f"{self.name} answers with something that is no number: the file is of no use")
        return Outputs(logits, evidence, features[0] if features else None)


def model_name(model: str | os.PathLike[str] | bytes | None) -> str:
    """What people call a model."""
    if isinstance(model, bytes):
        return "the model"
    return os.fspath(model) if model is not None else "the bundled model"


def read_model(model: str | os.PathLike[str] | None) -> bytes:
    """The bytes of a model file, or of the bundled model.

    Raises:
        RecycleNetError: there is no such file, it is too large, or it is a checkpoint, which needs torch to answer.
    """
    if model is None:
        return files("recyclenet.bundled").joinpath(BUNDLED_MODEL).read_bytes()
    path = Path(model)
    if not path.is_file():
        raise RecycleNetError(f"no model at {path}; expected an .onnx file from 'recyclenet export'")
    if path.name.endswith(CHECKPOINTS):
        raise RecycleNetError(f"{path} is a checkpoint: first 'recyclenet export {path} -o model.onnx'")
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise RecycleNetError(f"{path} has {size:,} bytes, more than the {MAX_BYTES:,} that a model may have")
        return path.read_bytes()
    except OSError as error:
        raise RecycleNetError(f"{path} cannot be read: {error.strerror or error}") from error


def open_session(model: bytes, name: str, threads: int | None = None) -> onnxruntime.InferenceSession:
    """A session that computes on the CPU; `name` is what errors call the model.

    Raises:
        RecycleNetError: not a usable model.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: warnings about the graph are of no use to a person
    # Never onnxruntime's own format, which it would recognise in bytes that were checked as ONNX.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    if not adds_up_bytes_exactly():
        # int8 models: a slower way that does not saturate. Elsewhere it would only be slower, by two thirds.
        options.add_session_config_entry("session.x64quantprecision", "1")
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    # onnxruntime raises a dozen exception types of its own, without a common base, for files it cannot use.
    except Exception as error:
        reason = first_line(error, 200)
        raise RecycleNetError(f"{name} is not a usable ONNX model: {reason}") from error
