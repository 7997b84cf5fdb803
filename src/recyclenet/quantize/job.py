"""`export --int8`: quantize, compare on val, keep what must stay in floats, and write only what passes the gate."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from recyclenet.atomic import replace_file
from recyclenet.config import Scalar
from recyclenet.data.folder import PhotoFolder
from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Evaluation, Model, evaluate
from recyclenet.export import export
from recyclenet.machine import describe
from recyclenet.parity import Pair, compare
from recyclenet.predictor import Predictor, read_model
from recyclenet.quantize.calibration import METHODS, Method, calibrate, choose_photos, load_images
from recyclenet.quantize.layers import find_layers
from recyclenet.quantize.search import Candidate, Sensitivity, keep_until, measure_each
from recyclenet.strict import check_range

_COMPARED = 8  # photos on which the export of a checkpoint is compared with it
_WATCHED = 64  # train photos on which layers are measured; others than the calibration saw, if there are enough

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Int8Settings:
    """How to quantize, and what may be lost.

    Attributes:
        photos: train photos for the calibration, classes alike.
        method: how ranges are cut; see `calibrate`.
        seed: of the choice of photos and of the places looked at in them.
        max_worse: val photos that may be answered wrong now and were answered right before.
        max_mb: size of the file, in millions of bytes.
        max_kept: layers that may stay in floats.
        measure_layers: measures every layer also where nothing needs to be kept.
    """

    photos: int = 256
    method: Method = "mse"
    seed: int = 0
    max_worse: int = 2
    max_mb: float = 3.5
    max_kept: int = 12
    measure_layers: bool = False

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise RecycleNetError(f"the calibration must be one of {', '.join(METHODS)}, not {self.method!r}")
        check_range("calibration photos", self.photos, 1, 100_000)
        check_range("seed", self.seed, 0, 2**32 - 1)
        check_range("max_worse", self.max_worse, 0, 10**9)
        check_range("max_mb", self.max_mb, 0.001, 10**6)


@dataclass(frozen=True)
class Attempt:
    """One file that was tried at the gate: the layers it keeps in floats, its size, its answers on val."""

    kept: tuple[str, ...]
    size: int
    correct: int
    pair: Pair


@dataclass(frozen=True)
class Int8Report:
    """What was written; every attempt, the last of which passed; layers by sensitivity where they were measured."""

    path: str
    source: str
    source_size: int
    source_correct: int
    settings: Int8Settings
    attempts: tuple[Attempt, ...]
    sensitivities: tuple[Sensitivity, ...]

    def to_table(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {**asdict(self), "machine": describe()}


def export_int8(
    source: str | Path,
    out: str | Path,
    folder: PhotoFolder,
    settings: Int8Settings | None = None,
    on_progress: Progress | None = None,
) -> Int8Report:
    """Writes `out` as `export` does, but small: 8-bit weights and arithmetic.

    Calibrated on train photos, judged on val: the test photos are not looked at.

    Args:
        source: a .safetensors checkpoint, or an .onnx file from `recyclenet export`.
        out: ends in .onnx.
        folder: photos split into train and val.
        settings: how, and what may be lost.
        on_progress: told (what is done, so much, of so much).

    Raises:
        RecycleNetError: as `export`; a source that is int8 already; too few photos; or a result that is larger
            or answers more photos worse than allowed: then nothing is written.
    """
    settings = settings or Int8Settings()
    told = on_progress or (lambda *_: None)
    if Path(out).suffix != ".onnx":
        raise RecycleNetError(f"the exported file must end in .onnx, not {Path(out).name!r}")
    train = folder.split("train")
    folder.split("val")  # before anything that takes long
    chosen = choose_photos(train, settings.photos + _WATCHED, settings.seed)
    data, description = _float_model(source, [folder.root / item.path for item in chosen[:_COMPARED]])
    model = onnx.load_from_string(data)
    seen, watched = chosen[: settings.photos], chosen[settings.photos :] or chosen[-_WATCHED:]
    layers = find_layers(model)
    images = load_images(folder.root, seen, description.preprocess)
    calibration = calibrate(
        model, layers, images, settings.method, settings.seed, lambda *done: told("calibration", *done)
    )
    candidate = Candidate(_described(model, description, settings, len(seen)), layers, calibration)
    judge = _Judge(str(source), data, description, folder, settings, told)

    def rank() -> list[Sensitivity]:
        images = load_images(folder.root, watched, description.preprocess)
        return measure_each(candidate, images, lambda *done: told("layers one by one", *done))

    kept: tuple[str, ...] | None = ()
    ranking: list[Sensitivity] = rank() if settings.measure_layers else []
    if not judge.passes((), candidate.small()):
        if judge.attempts[0].size > judge.largest:  # nothing makes it smaller than this
            raise RecycleNetError(judge.refusal())
        ranking = ranking or rank()
        kept = keep_until(candidate, ranking, judge.passes, judge.largest, settings.max_kept)
    if kept is None:
        raise RecycleNetError(judge.refusal())
    with replace_file(out) as temporary:
        temporary.write_bytes(_with_kept(candidate.small(kept), kept))
        Predictor(temporary)  # as every reader will open it
    return Int8Report(
        str(out),
        str(source),
        len(data),
        judge.wanted.scores.correct,
        settings,
        tuple(judge.attempts),
        tuple(ranking),
    )


class _Judge:
    """The gate: the float model's answers on val, and every file compared with them."""

    def __init__(
        self,
        name: str,
        data: bytes,
        description: ModelDescription,
        folder: PhotoFolder,
        settings: Int8Settings,
        told: Progress,
    ) -> None:
        self._name, self._description, self._folder = name, description, folder
        self._settings, self._told = settings, told
        self.attempts: list[Attempt] = []
        self.largest = int(settings.max_mb * 1e6)
        self.wanted = self._answers(name, data)

    def passes(self, kept: tuple[str, ...], data: bytes) -> bool:
        found = self._answers(f"{self._name} in int8", data)
        attempt = Attempt(kept, len(data), found.scores.correct, compare(self.wanted, found))
        self.attempts.append(attempt)
        return attempt.pair.worse <= self._settings.max_worse and attempt.size <= self.largest

    def refusal(self) -> str:
        best = min(self.attempts, key=lambda item: (item.size > self.largest, item.pair.worse, len(item.kept)))
        if best.size > self.largest:
            reason = f"{best.size / 1e6:.2f} MB are more than the {self._settings.max_mb:g} allowed (--max-mb)"
        else:
            reason = (
                f"{best.pair.worse} of {best.pair.total} val photos are answered worse than by {self._name} and "
                f"{best.pair.better} better; {self._settings.max_worse} worse are allowed (--max-worse)"
            )
        tried = len(self.attempts) - 1
        return f"no int8 model is good enough, with up to {tried} layers left in floats: {reason}. Nothing was written"

    def _answers(self, name: str, data: bytes) -> Evaluation:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "model.onnx")
            path.write_bytes(data)
            predictor = Predictor(path)
        model = Model(name, "onnx", self._description, lambda images: predictor.run(images)[0])
        return evaluate(model, self._folder, "val", on_progress=lambda *done: self._told("val photos", *done))


def _float_model(source: str | Path, photos: list[Path]) -> tuple[bytes, ModelDescription]:
    if str(source).endswith(".onnx"):
        data, predictor = read_model(source), Predictor(source)
        if predictor.description.quantization:
            raise RecycleNetError(f"{source} is quantized already: start from the float model that it was made from")
        return data, predictor.description
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "float.onnx")
        export(source, path, photos)
        return path.read_bytes(), Predictor(path).description


def _described(
    model: onnx.ModelProto, description: ModelDescription, settings: Int8Settings, photos: int
) -> onnx.ModelProto:
    said: dict[str, Scalar] = {
        "weights": "int8",
        "calibration": settings.method,
        "photos": photos,
        "seed": settings.seed,
    }
    onnx.helper.set_model_props(model, {METADATA_KEY: replace(description, quantization=said).to_json()})
    return model


def _with_kept(data: bytes, kept: tuple[str, ...]) -> bytes:
    """The file with the names of the layers in floats in its description."""
    if not kept:
        return data
    model = onnx.load_from_string(data)
    (entry,) = (item for item in model.metadata_props if item.key == METADATA_KEY)
    description = ModelDescription.from_json(entry.value, "the quantized model")
    said = {**description.quantization, "floats": " ".join(kept)}
    entry.value = replace(description, quantization=said).to_json()
    return bytes(model.SerializeToString(deterministic=True))
