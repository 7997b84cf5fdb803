"""One answer, step by step: where its time goes."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from recyclenet.bench.result import BenchTable, lines_of
from recyclenet.calibration import Calibration, calibrated_probs
from recyclenet.errors import RecycleNetError
from recyclenet.photo import load_photo
from recyclenet.predictor import Predictor
from recyclenet.rules import Rules, default_rules

STEPS = (
    "read, check and decode",
    "resize and cut",
    "as numbers",
    "network",
    "probabilities",
    "how strange it is",
    "what it may be",
    "which bin",
)
ALL = "all steps"


def measure_steps(
    model: Path | None,
    photos: dict[str, Path],
    rounds: int,
    *,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> tuple[BenchTable, ...]:
    """A table for each photo, warm: what `Predictor.predict` and the rules do, with the time between the steps.

    Args:
        model: an exported model with a calibration; the bundled one by default.
        photos: by name; JPEGs.
        rounds: answers.
        on_progress: told (photo, answers done, answers in all).

    Raises:
        RecycleNetError: the model has no calibration.
    """
    predictor, rules = Predictor(model), default_rules()
    calibration = predictor.description.calibration
    if calibration is None:
        raise RecycleNetError(f"{predictor.name} has no calibration, and an answer without one has fewer steps")
    tables = []
    for name, path in photos.items():
        taken = np.empty((rounds, len(STEPS)))
        for number in range(-max(3, rounds // 10), rounds):
            steps = np.diff(_answer(predictor, calibration, rules, path))
            if number >= 0:
                taken[number] = steps
            if on_progress is not None:
                on_progress(name, max(number + 1, 0), rounds)
        columns = {step: taken[:, place] for place, step in enumerate(STEPS)} | {ALL: taken.sum(axis=1)}
        with Image.open(path) as image:
            image.draft("RGB", (predictor.preprocess.resize,) * 2)
            remark = f"{path.stat().st_size:,} bytes, decoded to {image.width}×{image.height} pixels."
        tables.append(
            BenchTable(
                f"steps of an answer for {name}, warm", "ms", ALL, rounds, lines_of(columns, ALL, 1e3), (), (remark,)
            )
        )
    return tuple(tables)


def _answer(predictor: Predictor, calibration: Calibration, rules: Rules, path: Path) -> list[float]:
    """The times before, between and after the steps."""
    at = [time.perf_counter()]
    photo = load_photo(path, min_side=predictor.preprocess.resize)
    at.append(time.perf_counter())
    view = predictor.preprocess.view(photo)
    at.append(time.perf_counter())
    images = predictor.preprocess.normalize(view)[None]
    at.append(time.perf_counter())
    logits, _, features = predictor.outputs(images)
    at.append(time.perf_counter())
    probs = calibrated_probs(logits, calibration)[0]
    at.append(time.perf_counter())
    calibration.strangeness(logits, features)
    at.append(time.perf_counter())
    calibration.possible(probs, predictor.classes)
    at.append(time.perf_counter())
    rules.decide({name: float(prob) for name, prob in zip(predictor.classes, probs, strict=True)})
    at.append(time.perf_counter())
    return at
