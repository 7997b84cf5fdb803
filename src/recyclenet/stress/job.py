"""Every photo of a split, as it is and under each condition, through the same path as a prediction."""

import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recyclenet.comparison import Comparison, compare_paired
from recyclenet.data.folder import PhotoFolder
from recyclenet.evaluate import Model, answer_images, known_records
from recyclenet.metrics import wilson_interval
from recyclenet.photo import load_photo
from recyclenet.stress.conditions import CONDITIONS, Condition


@dataclass(frozen=True)
class Stressed:
    """One condition's figures.

    Attributes:
        condition: which.
        total: photos that could be changed so.
        correct: answered right when changed.
        unchanged: of the same photos, answered right as they are.
        interval: Wilson's 95 % interval of correct / total.
        comparison: changed against unchanged, photo by photo.
    """

    condition: Condition
    total: int
    correct: int
    unchanged: int
    interval: tuple[float, float]
    comparison: Comparison


@dataclass(frozen=True)
class Stress:
    """The whole table: `correct` of `total` photos as they are, and every condition."""

    model: str
    data: str
    split: str
    correct: int
    total: int
    rows: tuple[Stressed, ...]

    def to_table(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        rows = [
            {
                "condition": row.condition.name,
                "meaning": row.condition.meaning,
                "correct": row.correct,
                "total": row.total,
                "interval_95": row.interval,
                "unchanged_correct": row.unchanged,
                "comparison": asdict(row.comparison),
            }
            for row in self.rows
        ]
        return {
            "data": self.data,
            "split": self.split,
            "correct": self.correct,
            "total": self.total,
            "conditions": rows,
        }


def run_stress(
    model: Model, folder: PhotoFolder, split: str, *, on_progress: Callable[[int, int], None] | None = None
) -> Stress:
    """Answers a split as it is and under each condition; the same for the same photos, whatever else is run.

    Raises:
        PhotoError: a photo cannot be read.
        RecycleNetError: empty split, labels that the model does not know, or no photo that a condition fits.
    """
    records = known_records(model, folder, split)
    classes = model.description.classes
    preprocess = model.description.preprocess
    hits: list[list[bool]] = [[] for _ in CONDITIONS]
    before: list[list[bool]] = [[] for _ in CONDITIONS]
    plain: list[bool] = []
    for done, record in enumerate(records, 1):
        photo = load_photo(folder.root / record.path, min_side=preprocess.resize)
        changed = [
            condition.change(
                photo,
                np.random.default_rng(_seed(condition.name, record.path)),
            )
            for condition in CONDITIONS
        ]
        views = [photo, *(picture for picture in changed if picture is not None)]
        logits, _ = answer_images(model, [np.stack([preprocess(view) for view in views])], len(views))
        right: NDArray[np.bool_] = logits.argmax(axis=1) == classes.index(record.label)
        answers = iter(right[1:])
        plain.append(bool(right[0]))
        for place, picture in enumerate(changed):
            if picture is not None:
                hits[place].append(bool(next(answers)))
                before[place].append(bool(right[0]))
        if on_progress is not None:
            on_progress(done, len(records))
    rows = tuple(
        _row(condition, np.array(after, dtype=bool), np.array(first, dtype=bool))
        for condition, after, first in zip(CONDITIONS, hits, before, strict=True)
    )
    return Stress(model.name, folder.root.resolve().name, split, sum(plain), len(plain), rows)


def _seed(condition: str, path: str) -> int:
    """The same change of the same photo each time."""
    return zlib.crc32(f"{condition} {path}".encode("utf-8", "surrogateescape"))


def _row(condition: Condition, after: NDArray[np.bool_], before: NDArray[np.bool_]) -> Stressed:
    correct, total = int(after.sum()), len(after)
    return Stressed(
        condition,
        total,
        correct,
        int(before.sum()),
        wilson_interval(correct, total),
        compare_paired(after[None], before[None]),
    )
