"""What can be chosen about an adaptation, and what an adaptation found."""

from dataclasses import asdict, dataclass
from typing import Any

from recyclenet.adapt.learn import FOLDS
from recyclenet.adapt.views import VIEWS
from recyclenet.comparison import exact_mcnemar
from recyclenet.machine import describe
from recyclenet.metrics import wilson_interval
from recyclenet.strict import check_range


@dataclass(frozen=True)
class AdaptSettings:
    """How to adapt.

    Attributes:
        seed: of views, folds and what the old head is remembered by.
        folds: parts of the photos, each held out once.
        views: of each photo; fewer where there are many photos.
    """

    seed: int = 1234
    folds: int = FOLDS
    views: int = VIEWS

    def __post_init__(self) -> None:
        check_range("seed", self.seed, 0, 2**32 - 1)
        check_range("folds", self.folds, 2, 20)
        check_range("views", self.views, 1, 100)


@dataclass(frozen=True)
class ClassGain:
    """Held-out photos of one class: how many there are, and how many were answered right before and after."""

    label: str
    total: int
    before: int
    after: int
    is_new: bool


@dataclass(frozen=True)
class Kept:
    """Photos of the folder that was replayed, from its val split, answered right before and after."""

    data: str
    total: int
    before: int
    after: int
    better: int
    worse: int


@dataclass(frozen=True)
class Adaptation:
    """What was measured and written.

    Attributes:
        path: the new file.
        source: the model that it was made from.
        classes: of the new model.
        per_class: held-out counts of every class that has photos.
        better, worse: photos of classes that the old model knew, right only after, and right only before.
        pull: that the final head was learnt with.
        remembered: by what the old head was held: "replay", "imagined", or "nothing".
        kept: what the old photos say, where they were given.
        calibration: what became of the model's calibration, in words.
        alike: classes whose photos look so alike that what is said of held-out ones may be too good.
        skipped: photos that could not be read, each with its reason.
        seconds: that it took.
    """

    path: str
    source: str
    classes: tuple[str, ...]
    per_class: tuple[ClassGain, ...]
    better: int
    worse: int
    pull: float
    remembered: str
    kept: Kept | None
    calibration: str
    alike: tuple[str, ...]
    skipped: tuple[str, ...]
    seconds: float

    def counts(self, *, known_only: bool) -> tuple[int, int, int]:
        """(photos, right before, right after), of all classes or of those that the old model knew."""
        chosen = [item for item in self.per_class if not (known_only and item.is_new)]
        return (
            sum(item.total for item in chosen),
            sum(item.before for item in chosen),
            sum(item.after for item in chosen),
        )

    @property
    def p_value(self) -> float:
        """McNemar's exact test of better against worse."""
        return exact_mcnemar(self.better, self.worse)

    def to_table(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        known, everything = self.counts(known_only=True), self.counts(known_only=False)
        return {
            **asdict(self),
            "known": _share(*known),
            "all": _share(*everything),
            "p_value": self.p_value,
            "machine": describe(),
        }


def _share(total: int, before: int, after: int) -> dict[str, Any]:
    return {
        "total": total,
        "before": before,
        "after": after,
        "before_interval": wilson_interval(before, total),
        "after_interval": wilson_interval(after, total),
    }
