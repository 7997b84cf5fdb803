"""Which files an augmented folder will hold, known before the first is made, and the settings that it is made with."""

import hashlib
import json
import os
from collections.abc import Iterator, Set
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from recyclenet.atomic import make_folder, write_text
from recyclenet.augment.groups import GROUPS, check_probability
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.splits import SPLITS, SPLITS_FILE, PhotoRecord, write_splits
from recyclenet.errors import RecycleNetError
from recyclenet.json_file import read_json
from recyclenet.lock import LOCK_FILE

SETTINGS_FILE = "augment.json"
_MAX_COPIES = 10_000
_MAX_STEM_BYTES = 200  # file systems end names at 255
_MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Settings:
    """`split` names the photos that get copies (train, val, test or all); `originals` takes all photos over, too.

    Raises:
        RecycleNetError: a value that is none of those.
    """

    probability: str = "low"
    seed: int = 1234
    copies: int = 1
    split: str = "train"
    originals: bool = True

    def __post_init__(self) -> None:
        check_probability(self.probability)
        if not 0 <= self.seed <= _MAX_SEED:
            raise RecycleNetError(f"--seed must be a whole number from 0 to {_MAX_SEED}, not {self.seed}")
        if not 1 <= self.copies <= _MAX_COPIES:
            raise RecycleNetError(f"--copies must be from 1 to {_MAX_COPIES}, not {self.copies}")
        if self.split not in (*SPLITS, "all"):
            raise RecycleNetError(f"--split must be one of {', '.join(SPLITS)} or all, not {self.split!r}")


@dataclass(frozen=True)
class Copy:
    """One augmented copy: its path in the target, and what its pixels depend on besides the photo."""

    path: str
    group: str
    seed: int


@dataclass(frozen=True)
class PlannedPhoto:
    """A photo of the source; `kept` if it goes over as it is; `copies` may be none."""

    record: PhotoRecord
    kept: bool
    copies: tuple[Copy, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """All files in the target that come of it."""
        return (*((self.record.path,) if self.kept else ()), *(copy.path for copy in self.copies))


@dataclass(frozen=True)
class Plan:
    """Everything that is to be done; photos of which nothing comes are left out."""

    source: Path
    target: Path
    settings: Settings
    photos: tuple[PlannedPhoto, ...]
    fingerprint: str


def make_plan(folder: PhotoFolder, target: str | Path, settings: Settings) -> Plan:
    """Plans the copies of a split folder's photos: `settings.copies` of each group.

    Raises:
        RecycleNetError: target and source are one folder or the target lies in the source; a split without photos.
    """
    inner, outer = (Path(os.path.realpath(path)) for path in (target, folder.root))
    if inner.is_relative_to(outer):
        raise RecycleNetError(f"{target} must not be {folder.root} nor lie in it: its copies would count as photos")
    augmented = set(folder.split(settings.split))
    # Names that differ in case alone are one file on some systems.
    taken = {record.path.lower() for record in folder.records}
    photos = []
    for record in folder.records:
        copies = _plan_copies(record, settings, taken) if record in augmented else ()
        if copies or settings.originals:
            photos.append(PlannedPhoto(record, settings.originals, copies))
    return Plan(folder.root, Path(target), settings, tuple(photos), folder.fingerprint())


def copy_seed(seed: int, path: str, group: str, number: int | str) -> int:
    """A 64-bit seed for one copy of one photo, whatever else is augmented, in whatever order and where.

    Args:
        seed: the user's.
        path: of the photo in its source folder.
        group: the group's name.
        number: which of the copies.
    """
    text = f"{seed}\0{path}\0{group}\0{number}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def _plan_copies(record: PhotoRecord, settings: Settings, taken: set[str]) -> tuple[Copy, ...]:
    """The copies of one photo, under names that are not `taken` yet, which they then are."""
    photo = PurePosixPath(record.path)
    for stem in _stems(photo):
        copies = tuple(
            Copy(
                str(photo.with_name(f"{stem}_{group}_{number}.jpg")),
                group,
                copy_seed(settings.seed, record.path, group, number),
            )
            for group in GROUPS
            for number in range(1, settings.copies + 1)
        )
        names = {copy.path.lower() for copy in copies}
        if taken.isdisjoint(names):
            break
    taken |= names
    return copies


def _stems(photo: PurePosixPath) -> Iterator[str]:
    """Beginnings for the names of a photo's copies: its stem; with its ending; then numbered."""
    stem = photo.stem
    while len(os.fsencode(stem)) > _MAX_STEM_BYTES:
        stem = stem[:-1]
    yield stem
    stem += "_" + photo.suffix.lstrip(".")
    yield stem
    yield from (f"{stem}_{number}" for number in count(2))


def open_target(plan: Plan) -> None:
    """Prepares the target folder, or checks that it was begun with the same plan and can be gone on with.

    Its splits.csv lists from the start what is to come: a folder that was left half done is then taken for
    incomplete, and not for one whose photos could be split anew, copies of one photo apart.

    Raises:
        RecycleNetError: it holds something else, was begun with other settings or photos, or cannot be written.
    """
    file = plan.target / SETTINGS_FILE
    wanted = {**asdict(plan.settings), "photos": plan.fingerprint}
    make_folder(plan.target)
    if file.is_file():
        found = _read_settings(file)
        changed = [f"{key} {found.get(key)!r}" for key, value in wanted.items() if found.get(key) != value]
        if changed:
            raise RecycleNetError(
                f"{plan.target} was made from other photos or with other settings ({', '.join(changed)}): "
                "give the same to go on, or another folder"
            )
    elif any(path.name != LOCK_FILE for path in plan.target.iterdir()):
        raise RecycleNetError(f"{plan.target} is not empty and was not made by this command: give another folder")
    write_plan_splits(plan, {path for photo in plan.photos for path in photo.paths})
    write_text(file, json.dumps(wanted, indent=2) + "\n")


def write_plan_splits(plan: Plan, paths: Set[str]) -> None:
    """Writes the target's splits.csv for the planned files that are in `paths`: each in the split of its photo."""
    write_splits(
        plan.target / SPLITS_FILE,
        (
            PhotoRecord(path, photo.record.label, photo.record.split)
            for photo in plan.photos
            for path in photo.paths
            if path in paths
        ),
    )


def _read_settings(file: Path) -> dict[str, Any]:
    found = read_json(file, "give another folder")
    return found if isinstance(found, dict) else {}
