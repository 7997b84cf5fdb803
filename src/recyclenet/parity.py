"""Do files of one model answer the same? Photo by photo over a split: what changed for better, what for worse."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

import recyclenet
from recyclenet.comparison import compare_paired
from recyclenet.data.folder import PhotoFolder
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Evaluation, evaluate, load_model
from recyclenet.machine import describe
from recyclenet.model_files import checkpoint_file
from recyclenet.predictor import Predictor


@dataclass(frozen=True)
class Pair:
    """A second model against a first, over the same photos.

    Attributes:
        first, second: their names.
        total: photos.
        agree: with the same answer of both, right or wrong.
        better, worse: that the second answers right and the first wrong, and the other way.
        p_value: McNemar's exact test of better against worse.
        largest_difference, mean_difference: absolute, of logits.
    """

    first: str
    second: str
    total: int
    agree: int
    better: int
    worse: int
    p_value: float
    largest_difference: float
    mean_difference: float


@dataclass(frozen=True)
class Timing:
    """Milliseconds for one photo's forward pass: median, middle half, and the quickest pass.

    The quickest is what the machine can do where the others share it with something else. `ratio` is of medians,
    `quickest_ratio` of quickest passes, to the first model's.
    """

    model: str
    median: float
    middle_half: tuple[float, float]
    quickest: float
    ratio: float
    quickest_ratio: float


@dataclass(frozen=True)
class Parity:
    """Evaluations of all models, every pair of them, and times of the exported ones (empty where not asked for)."""

    evaluations: tuple[Evaluation, ...]
    sizes: tuple[int, ...]
    pairs: tuple[Pair, ...]
    timings: tuple[Timing, ...]
    threads: int


def measure(
    models: Sequence[str | Path],
    folder: PhotoFolder,
    split: str,
    *,
    rounds: int = 0,
    threads: int = 2,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Parity:
    """Answers a split with every model and compares them two by two, in their order.

    Args:
        models: two or more, .onnx or .safetensors; "bundled" is the checkpoint of the bundled model.
        folder: the photos.
        split: as for `evaluate`.
        rounds: forward passes to time, each model once a round; 0 for none.
        threads: of each timed pass.
        on_progress: told (what is done, photos done, photos in all).

    Raises:
        RecycleNetError: as `load_model` and `evaluate`; or models of other classes.
    """
    paths = [checkpoint_file(name) for name in models]
    # Called as they were named: where the package is installed is nobody's business in a report.
    loaded = [replace(load_model(path), name=str(name)) for path, name in zip(paths, models, strict=True)]
    for model in loaded[1:]:
        if model.description.classes != loaded[0].description.classes:
            raise RecycleNetError(f"{model.name} and {loaded[0].name} do not have the same classes in the same order")
    evaluations = []
    for model in loaded:

        def told(done: int, total: int, name: str = model.name) -> None:
            if on_progress is not None:
                on_progress(name, done, total)

        evaluations.append(evaluate(model, folder, split, on_progress=told))
    exported = [path for path, model in zip(paths, loaded, strict=True) if model.kind == "onnx"]
    return Parity(
        tuple(evaluations),
        tuple(Path(path).stat().st_size for path in paths),
        tuple(compare(first, second) for first, second in combinations(evaluations, 2)),
        time_in_turn(exported, rounds, threads) if rounds and exported else (),
        threads,
    )


def compare(first: Evaluation, second: Evaluation) -> Pair:
    """Two evaluations of the same photos.

    Raises:
        RecycleNetError: they are not of the same photos.
    """
    if first.records != second.records:
        raise RecycleNetError(f"{first.model.name} and {second.model.name} were not measured on the same photos")
    classes = first.model.description.classes
    targets = np.array([classes.index(record.label) for record in first.records])
    answers = [item.logits.argmax(axis=1) for item in (first, second)]
    hits = [(item == targets)[None] for item in answers]
    counted = compare_paired(hits[1], hits[0])
    differences = np.abs(second.logits - first.logits)
    return Pair(
        first.model.name,
        second.model.name,
        len(targets),
        int((answers[0] == answers[1]).sum()),
        counted.better,
        counted.worse,
        counted.p_value,
        float(differences.max()),
        float(differences.mean()),
    )


def time_in_turn(models: Sequence[str | Path], rounds: int, threads: int) -> tuple[Timing, ...]:
    """One photo's forward pass by each model in turn, so that whatever else runs slows all of them alike."""
    predictors = [Predictor(path, threads=threads) for path in models]
    generator = np.random.default_rng(0)
    sides = [predictor.preprocess.img_size for predictor in predictors]
    images = [generator.normal(size=(1, 3, side, side)).astype(np.float32) for side in sides]
    taken = np.empty((rounds, len(models)))
    for number in range(-max(3, rounds // 10), rounds):  # the first few only warm up
        for place, (predictor, image) in enumerate(zip(predictors, images, strict=True)):
            started = time.perf_counter()
            predictor.run(image)
            if number >= 0:
                taken[number, place] = 1000 * (time.perf_counter() - started)
    quickest, low, medians, high = np.percentile(taken, (0, 25, 50, 75), axis=0)
    return tuple(
        Timing(
            model=predictor.name,
            median=float(medians[i]),
            middle_half=(float(low[i]), float(high[i])),
            quickest=float(quickest[i]),
            ratio=float(medians[i] / medians[0]),
            quickest_ratio=float(quickest[i] / quickest[0]),
        )
        for i, predictor in enumerate(predictors)
    )


def to_table(parity: Parity) -> dict[str, Any]:
    """Everything as plain JSON values."""
    first = parity.evaluations[0]
    return {
        "data": first.data,
        "split": first.split,
        "fingerprint": first.fingerprint,
        "recyclenet": recyclenet.__version__,
        "machine": describe(),
        "models": [
            {
                "name": item.model.name,
                "bytes": size,
                "correct": item.scores.correct,
                "total": item.scores.total,
                "accuracy": item.scores.accuracy,
                "interval": list(item.scores.interval),
            }
            for item, size in zip(parity.evaluations, parity.sizes, strict=True)
        ],
        "pairs": [asdict(pair) for pair in parity.pairs],
        "threads": parity.threads,
        "timings": [asdict(timing) for timing in parity.timings],
    }
