"""Cross-validation: every photo is tested exactly once, and never after training on another picture of it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from recyclenet.data.folder import PhotoFolder
from recyclenet.data.groups import Groups, Labelled, deal
from recyclenet.data.splits import (
    DEFAULT_FRACTIONS,
    SPLITS,
    PhotoRecord,
    check_fractions,
    shares,
    write_splits,
)
from recyclenet.errors import RecycleNetError


def grouped_records(
    labelled: Labelled, groups: Groups, *, seed: int = 1234, fractions: Sequence[float] = DEFAULT_FRACTIONS
) -> tuple[PhotoRecord, ...]:
    """As `split_records`, with the same number of photos of each class, but no group is divided: see `deal`.

    Returns:
        Records sorted by path.

    Raises:
        RecycleNetError: fractions that are not shares of one.
    """
    check_fractions(fractions)
    counts = {label: shares(total, fractions) for label, total in _counts(labelled).items()}
    targets = [{label: count[part] for label, count in counts.items()} for part in range(len(SPLITS))]
    parts = deal(labelled, groups, targets, seed=seed)
    return tuple(sorted(PhotoRecord(path, label, SPLITS[parts[path]]) for path, label in labelled))


def deal_folds(labelled: Labelled, groups: Groups, *, folds: int, seed: int) -> dict[str, int]:
    """Path → number of its fold, from 0. Each class is spread evenly, whatever is over where few photos are yet.

    Raises:
        RecycleNetError: fewer than two folds, or more folds than photos.
    """
    check_folds(folds, len(labelled))
    targets: list[dict[str, int]] = [{} for _ in range(folds)]
    start = 0
    for label, total in sorted(_counts(labelled).items()):
        for place in range(folds):
            targets[(start + place) % folds][label] = total // folds + (place < total % folds)
        start += total % folds
    return deal(labelled, groups, targets, seed=seed)


def fold_records(
    labelled: Labelled,
    groups: Groups,
    *,
    folds: int,
    seed: int = 1234,
    fractions: Sequence[float] = DEFAULT_FRACTIONS,
) -> tuple[tuple[PhotoRecord, ...], ...]:
    """One split for each fold: its photos are test, the others train and val in the proportion of `fractions`.

    Raises:
        RecycleNetError: as `deal_folds`, or fractions that are not shares of one.
    """
    check_fractions(fractions)
    numbers = deal_folds(labelled, groups, folds=folds, seed=seed)
    train = fractions[0] / (fractions[0] + fractions[1])
    splits = []
    for fold in range(folds):
        rest = [(path, label) for path, label in labelled if numbers[path] != fold]
        test = [PhotoRecord(path, label, "test") for path, label in labelled if numbers[path] == fold]
        learnt = grouped_records(rest, groups, seed=seed, fractions=(train, 1 - train, 0.0))
        splits.append(tuple(sorted((*learnt, *test))))
    return tuple(splits)


def fold_files(folder: PhotoFolder, folds: int, *, force: bool = False) -> list[Path]:
    """Where splits go: splits-fold1of5.csv and so on beside the photos.

    Raises:
        RecycleNetError: fewer than two folds or more than photos, or a file is there and `force` is not set.
    """
    check_folds(folds, len(folder.records))
    files = [folder.root / f"splits-fold{number}of{folds}.csv" for number in range(1, folds + 1)]
    there = [file for file in files if file.exists()]
    if there and not force:
        raise RecycleNetError(f"{there[0]} is there already; --force replaces it")
    return files


def write_folds(
    files: Sequence[Path],
    folder: PhotoFolder,
    groups: Groups,
    *,
    seed: int = 1234,
    fractions: Sequence[float] = DEFAULT_FRACTIONS,
) -> None:
    """Writes one split a file; commands take such a file in place of the folder.

    Raises:
        RecycleNetError: as `fold_records`, or a file cannot be written.
    """
    labelled = [(record.path, record.label) for record in folder.records]
    splits = fold_records(labelled, groups, folds=len(files), seed=seed, fractions=fractions)
    for file, records in zip(files, splits, strict=True):
        write_splits(file, records)


def check_folds(folds: int, photos: int) -> None:
    """Raises RecycleNetError for fewer than two folds, or more folds than photos."""
    if not 2 <= folds <= photos:
        raise RecycleNetError(f"cross-validation needs between 2 folds and one a photo ({photos}), not {folds}")


def _counts(labelled: Labelled) -> Counter[str]:
    return Counter(label for _, label in labelled)
