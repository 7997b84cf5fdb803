"""TrashNet (Gary Thung and Mindy Yang, MIT): its official split, and its 2,527 photos checked one by one.

Source: https://github.com/garythung/trashnet
"""

import csv
import hashlib
import io
import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from recyclenet.data.splits import PhotoRecord
from recyclenet.errors import RecycleNetError
from recyclenet.labels import TRASHNET_CLASSES

COMMIT = "6fa2b878c6c1b4304b91109070ce0edf9279bb31"
PHOTO_FOLDER = "dataset-resized"
SPLIT_LISTS = {split: f"one-indexed-files-notrash_{split}.txt" for split in ("train", "val", "test")}


class ManifestEntry(NamedTuple):
    """A photo as it must be: `path` as PHOTO_FOLDER/glass/glass1.jpg, size in bytes, SHA-256 in hex, official split."""

    path: str
    size: int
    sha256: str
    split: str


@cache
def manifest() -> dict[str, ManifestEntry]:
    """All 2,527 photos by path."""
    text = files("recyclenet.data").joinpath("trashnet_manifest.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    return {path: ManifestEntry(path, int(size), sha256, split) for path, size, sha256, split in rows}


def has_official_lists(root: Path) -> bool:
    """Whether a folder has TrashNet's layout: the three split lists beside PHOTO_FOLDER."""
    return (root / PHOTO_FOLDER).is_dir() and all((root / name).is_file() for name in SPLIT_LISTS.values())


def read_official_split(root: Path) -> tuple[PhotoRecord, ...]:
    """The records of TrashNet's three lists (lines `FILE LABEL`, labels 1–6), sorted by path.

    Raises:
        RecycleNetError: a list that cannot be read or a line that is not of this form.
    """
    records = []
    for split, name in SPLIT_LISTS.items():
        try:
            lines = (root / name).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise RecycleNetError(f"{root / name} cannot be read: {error}") from error
        records += [_record(line, split, f"{root / name}, line {number}") for number, line in enumerate(lines, 1)]
    return tuple(sorted(records))


def _record(line: str, split: str, where: str) -> PhotoRecord:
    parts = line.split()
    labels = {str(number): label for number, label in enumerate(TRASHNET_CLASSES, start=1)}
    if len(parts) != 2 or parts[1] not in labels or "/" in parts[0] or "\\" in parts[0]:
        raise RecycleNetError(f"{where}: expected 'FILE LABEL' with a label from 1 to 6, found {line[:80]!r}")
    label = labels[parts[1]]
    return PhotoRecord(f"{PHOTO_FOLDER}/{label}/{parts[0]}", label, split)


def official_records() -> tuple[PhotoRecord, ...]:
    """The official split from the manifest alone, sorted by path."""
    return tuple(sorted(PhotoRecord(item.path, item.path.split("/")[1], item.split) for item in manifest().values()))


def matches(entry: ManifestEntry, data: bytes) -> bool:
    """Whether bytes are exactly this photo."""
    return len(data) == entry.size and hashlib.sha256(data).hexdigest() == entry.sha256


def local_copy() -> Path | None:
    """A TrashNet on this machine: $RECYCLENET_TRASHNET, or ../shared/data/trashnet; None if neither is there."""
    for candidate in (os.environ.get("RECYCLENET_TRASHNET"), "../shared/data/trashnet"):
        if candidate and (Path(candidate) / PHOTO_FOLDER).is_dir():
            return Path(candidate)
    return None


def damaged_photos(root: Path) -> list[str]:
    """Paths of the manifest that are missing below `root` or differ from it, sorted; empty when all is well."""
    return [entry.path for entry in sorted(manifest().values()) if not is_intact(root, entry)]


def is_intact(root: Path, entry: ManifestEntry) -> bool:
    """Whether the photo lies below `root` unchanged."""
    path = root / entry.path
    try:
        return path.stat().st_size == entry.size and matches(entry, path.read_bytes())
    except OSError:
        return False
