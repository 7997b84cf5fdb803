"""A data folder in any of its accepted layouts, as one list of labelled photos."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from recyclenet.data.splits import (
    DEFAULT_FRACTIONS,
    SPLITS,
    SPLITS_FILE,
    PhotoRecord,
    read_splits,
    split_records,
    write_splits,
)
from recyclenet.data.trashnet import has_official_lists, read_official_split
from recyclenet.errors import RecycleNetError
from recyclenet.labels import class_order
from recyclenet.photo import PHOTO_SUFFIXES

_SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_LAYOUTS = (
    "class folders (DIR/glass/1.jpg, …), ready-made splits (DIR/train/glass/1.jpg, …), "
    "a splits.csv, or TrashNet with its split lists"
)


class Splitter(Protocol):
    """Divides (path, label) pairs, as `split_records` does."""

    def __call__(
        self, labelled: Sequence[tuple[str, str]], *, seed: int, fractions: Sequence[float]
    ) -> tuple[PhotoRecord, ...]:
        """Records sorted by path."""


@dataclass(frozen=True)
class PhotoFolder:
    """Labelled photos under one root. `is_split` is false for bare class folders, whose split is all `train`."""

    root: Path
    records: tuple[PhotoRecord, ...]
    is_split: bool

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in model order."""
        return class_order(record.label for record in self.records)

    @property
    def untrained(self) -> tuple[str, ...]:
        """Classes without a photo in train, in model order: no model of this folder can answer them."""
        trained = {record.label for record in self.records if record.split == "train"}
        return tuple(name for name in self.classes if name not in trained)

    def split(self, name: str) -> tuple[PhotoRecord, ...]:
        """The records of `train`, `val` or `test`, or of `all`.

        Raises:
            RecycleNetError: the split is unknown or empty, or the folder has not been split yet.
        """
        if name == "all":
            return self.records
        if name not in SPLITS:
            raise RecycleNetError(f"split must be one of {', '.join(SPLITS)} or all, not {name!r}")
        if not self.is_split:
            raise RecycleNetError(
                f"{self.root} is not split yet: run 'recyclenet data split {self.root}' first, or use --split all"
            )
        chosen = tuple(record for record in self.records if record.split == name)
        if not chosen:
            raise RecycleNetError(f"{self.root} has no photos in the split {name!r}")
        return chosen

    def counts(self) -> dict[str, dict[str, int]]:
        """Photos by split and class: {split: {label: count}}, for splits that have any."""
        tally = Counter((record.split, record.label) for record in self.records)
        return {
            split: {label: tally[split, label] for label in self.classes}
            for split in SPLITS
            if any(record.split == split for record in self.records)
        }

    def fingerprint(self) -> str:
        """SHA-256 over path, label, split and size in bytes of every photo: changes when the data does."""
        digest = hashlib.sha256()
        for record in self.records:
            line = f"{record.path}\0{record.label}\0{record.split}\0{photo_bytes(self.root / record.path)}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def photo_bytes(path: Path) -> int:
    """A photo's size in bytes; -1 for a dangling link, of which whoever reads the photo speaks."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def open_photo_folder(root: str | Path, *, ignore_splits_file: bool = False) -> PhotoFolder:
    """Reads a data folder: splits.csv if there is one, else train/val/test folders, TrashNet's lists, or class folders.

    A file like splits.csv, such as a fold of a cross-validation, can be named in place of the folder it lies in.

    Args:
        root: the folder.
        ignore_splits_file: read the folder as if it had no splits.csv.

    Raises:
        RecycleNetError: missing or empty folder, no recognised layout, a class without photos, a listed
            photo that is not there, or fewer than two classes.
    """
    folder = Path(root)
    if not os.path.exists(folder):  # noqa: PTH110 (Path.exists raises for names that are too long)
        raise RecycleNetError(f"the data folder {folder} does not exist; expected {_LAYOUTS}")
    if folder.suffix == ".csv" and folder.is_file():
        listed = PhotoFolder(folder.parent, read_splits(folder), is_split=True)
        _check_listed(listed, folder)
        return _checked(listed)
    if not folder.is_dir():
        raise RecycleNetError(f"{folder} is a file; expected a data folder with {_LAYOUTS}")
    if (folder / SPLITS_FILE).is_file() and not ignore_splits_file:
        result = PhotoFolder(folder, read_splits(folder / SPLITS_FILE), is_split=True)
        _check_listed(result, folder / SPLITS_FILE)
    elif "train" in _split_folders(folder).values():
        result = PhotoFolder(folder, tuple(sorted(_ready_made(folder))), is_split=True)
        _check_every_class(result)
    elif has_official_lists(folder):
        result = PhotoFolder(folder, read_official_split(folder), is_split=True)
        _check_listed(result, folder)
    else:
        labelled = labelled_photos(folder)
        result = PhotoFolder(
            folder, tuple(PhotoRecord(path, label, "train") for path, label in labelled), is_split=False
        )
    return _checked(result)


def _checked(result: PhotoFolder) -> PhotoFolder:
    if len(result.classes) < 2:
        found = f"only the class {result.classes[0]!r}" if result.classes else "no photos"
        raise RecycleNetError(f"{result.root} has {found}; a classifier needs two classes or more: {_LAYOUTS}")
    return result


def split_photo_folder(
    root: str | Path,
    *,
    seed: int = 1234,
    fractions: Sequence[float] = DEFAULT_FRACTIONS,
    force: bool = False,
    split: Splitter = split_records,
) -> PhotoFolder:
    """Splits class folders and writes splits.csv beside them.

    With `force` a splits.csv that is there, damaged or out of date as it may be, is not looked at: what the folder
    holds now is split.

    Args:
        root: the data folder.
        seed: same seed, same split.
        fractions: shares of train, val and test.
        force: replace a split that is there.
        split: how; by default each photo for itself.

    Raises:
        RecycleNetError: as `open_photo_folder`; or the folder has a split already and `force` is not set.
    """
    folder = open_photo_folder(root, ignore_splits_file=force)
    target = folder.root / SPLITS_FILE
    if folder.is_split and not force:
        kept = target if target.exists() else f"the split that {root} comes with"
        raise RecycleNetError(f"{root} is split already; --force replaces {kept}")
    labelled = [(record.path, record.label) for record in folder.records]
    records = split(labelled, seed=seed, fractions=fractions)
    write_splits(target, records)
    return PhotoFolder(folder.root, records, is_split=True)


def labelled_photos(folder: Path, below: str = "") -> list[tuple[str, str]]:
    """(path, label) for class folders under `folder`/`below`, sorted by path; paths relative to `folder`.

    Photos deeper in a class folder count too; hidden files and folders do not.

    Raises:
        RecycleNetError: no class folders, or a class folder without photos.
    """
    base = folder / below
    class_folders = sorted(
        entry for entry in base.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__"))
    )
    if not class_folders:
        raise RecycleNetError(f"{base} has no class folders; expected {_LAYOUTS}")
    labelled = []
    for class_folder in class_folders:
        photos = [photo.relative_to(folder).as_posix() for photo in find_photos(class_folder)]
        if not photos:
            known = ", ".join(sorted(PHOTO_SUFFIXES))
            raise RecycleNetError(f"the class folder {class_folder} has no photos (endings looked for: {known})")
        labelled += [(path, class_folder.name) for path in photos]
    return sorted(labelled)


def find_photos(folder: Path) -> list[Path]:
    """All photo files below a folder by their endings, sorted; hidden ones are left out."""
    return sorted(_walk(folder))


def _refuse(error: OSError) -> None:
    raise RecycleNetError(f"the folder {error.filename} cannot be read: {error.strerror}") from error


def is_searched(name: str) -> bool:
    """Whether a folder of this name is looked into: not a hidden one, nor what archivers leave (__MACOSX)."""
    return not name.startswith((".", "__"))


def is_photo_name(name: str) -> bool:
    """Whether a file of this name, without its folder, counts as a photo where a folder is searched."""
    return not name.startswith(".") and Path(name).suffix.lower() in PHOTO_SUFFIXES


def _walk(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = filter(is_searched, folders)
        for name in filter(is_photo_name, files):
            yield Path(here, name)


def _split_folders(folder: Path) -> dict[str, str]:
    """Names of the folders that are splits, whatever their case, with the split of each."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    return {name: _SPLIT_FOLDERS[name.lower()] for name in names if name.lower() in _SPLIT_FOLDERS}


def _ready_made(folder: Path) -> Iterator[PhotoRecord]:
    for name, split in _split_folders(folder).items():
        for path, label in labelled_photos(folder, name):
            yield PhotoRecord(path, label, split)


def _check_every_class(folder: PhotoFolder) -> None:
    """Ready-made folders: a class that is evaluated must also be one that is trained on."""
    if folder.untrained:
        unseen = ", ".join(folder.untrained)
        raise RecycleNetError(f"{folder.root}: {unseen} has no photos in train, only in other splits")


def _check_listed(folder: PhotoFolder, source: Path) -> None:
    # os.path, because Path raises for names that are too long instead of saying no.
    paths = (record.path for record in folder.records)
    missing = [path for path in paths if not os.path.isfile(folder.root / path)]  # noqa: PTH113
    if missing:
        raise RecycleNetError(
            f"{source} lists {len(folder.records)} photos, but {len(missing)} of them cannot be found in "
            f"{folder.root}, the first: {missing[0]}. Put them back, or take their lines out of the list"
        )
