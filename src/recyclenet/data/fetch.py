"""TrashNet into a folder, from its repository, a copy or a zip: every photo checked, the official split written."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recyclenet.atomic import make_folder, write_bytes, write_text
from recyclenet.data.download import download
from recyclenet.data.splits import SPLITS_FILE, write_splits
from recyclenet.data.trashnet import (
    COMMIT,
    PHOTO_FOLDER,
    SPLIT_LISTS,
    ManifestEntry,
    damaged_photos,
    manifest,
    matches,
    official_records,
    read_official_split,
)
from recyclenet.errors import RecycleNetError
from recyclenet.labels import TRASHNET_CLASSES

BASE_URL = f"https://raw.githubusercontent.com/garythung/trashnet/{COMMIT}/data/"
ZIP_NAME = "dataset-resized.zip"
_MAX_ZIP_BYTES = 100 * 2**20
_MAX_LIST_BYTES = 2**20

OnProgress = Callable[[str, int, int | None], None]
"""Told (what is being done, done, total or None)."""

ReadPhoto = Callable[[ManifestEntry], bytes | None]
"""The bytes of a photo, at most one more than its size, or None where the source lacks it."""


@dataclass(frozen=True)
class FetchReport:
    """`kept` photos were there already and intact, `added` came from the source."""

    out: Path
    kept: int
    added: int


def fetch_trashnet(
    out: str | Path,
    source: str | Path | None = None,
    *,
    base_url: str = BASE_URL,
    on_progress: OnProgress | None = None,
) -> FetchReport:
    """Fills `out` with PHOTO_FOLDER/<class>/, the three split lists and splits.csv.

    Photos that are there and intact are not fetched again, so a run that was stopped goes on.

    Args:
        out: the folder to fill.
        source: a folder or zip to take the photos from; None downloads them.
        base_url: the folder of the repository's files.
        on_progress: told how far it is.

    Raises:
        RecycleNetError: source missing, download failed, or photos that are missing or differ from the
            manifest (the first are named).
    """
    target = make_folder(out)
    wanted = [manifest()[path] for path in damaged_photos(target)]
    report = on_progress or (lambda *_: None)
    if wanted:
        with _open_source(target, source, base_url, report) as read:
            bad = _copy(wanted, read, target, report)
        if source is None:  # never a zip of the user's own, wherever it lies
            (target / ZIP_NAME).unlink(missing_ok=True)  # used up, or not the file it should be
        if bad:
            raise RecycleNetError(
                f"{len(bad)} of {len(manifest())} photos are missing or damaged in {source or 'the download'}, "
                f"the first of them {bad[0]}" + (f"; the others are in {target}" if len(bad) < len(manifest()) else "")
            )
    _write_lists(target, source, base_url)
    write_splits(target / SPLITS_FILE, official_records())
    return FetchReport(target, len(manifest()) - len(wanted), len(wanted))


def _copy(wanted: list[ManifestEntry], read: ReadPhoto, target: Path, report: OnProgress) -> list[str]:
    """Copies what is as it should be; returns the paths of what is not."""
    bad = []
    for done, entry in enumerate(wanted, start=1):
        data = read(entry)
        if data is not None and matches(entry, data):
            write_bytes(target / entry.path, data)
        else:
            bad.append(entry.path)
        report("photos", done, len(wanted))
    return bad


@contextmanager
def _open_source(target: Path, source: str | Path | None, base_url: str, report: OnProgress) -> Iterator[ReadPhoto]:
    if source is None:
        archive = target / ZIP_NAME
        if not archive.exists():
            download(
                base_url + ZIP_NAME,
                archive,
                max_bytes=_MAX_ZIP_BYTES,
                on_progress=lambda done, total: report("download", done, total),
            )
        try:
            opened = _open_zip(archive, "it is removed, run it again")
        except RecycleNetError:  # kept, it would fail again
            archive.unlink()
            raise
        with opened:
            yield _zip_reader(opened)
        return
    path = Path(source)
    if path.is_dir():
        yield _folder_reader(path)
    elif path.is_file():
        with _open_zip(path, f"expected TrashNet's {ZIP_NAME}") as opened:
            yield _zip_reader(opened)
    else:
        raise RecycleNetError(f"no folder or zip at {path} (expected TrashNet's {PHOTO_FOLDER}/ or {ZIP_NAME})")


def _folder_reader(root: Path) -> ReadPhoto:
    """Reads from a folder that holds PHOTO_FOLDER, or the class folders themselves."""
    base = root / PHOTO_FOLDER if (root / PHOTO_FOLDER).is_dir() else root
    if not any((base / name).is_dir() for name in TRASHNET_CLASSES):
        raise RecycleNetError(
            f"{root} holds neither {PHOTO_FOLDER}/ nor the class folders {', '.join(TRASHNET_CLASSES)}"
        )

    def read(entry: ManifestEntry) -> bytes | None:
        try:
            with (base / Path(entry.path).relative_to(PHOTO_FOLDER)).open("rb") as file:
                return file.read(entry.size + 1)
        except OSError:
            return None

    return read


def _open_zip(path: Path, advice: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    # A damaged directory fails as BadZipFile, NotImplemented or Unicode errors; all mean: not a zip to read.
    except Exception as error:
        raise RecycleNetError(f"{path} is not a readable zip ({error}): {advice}") from error


def _zip_reader(archive: zipfile.ZipFile) -> ReadPhoto:
    """Reads single photos by their known names and sizes; whatever else a zip holds is never unpacked.

    So a path that leads out of the folder has no one to follow it, and a bomb is read up to one byte
    more than the photo it stands for.
    """
    names = {name.split(f"{PHOTO_FOLDER}/")[-1]: name for name in archive.namelist() if "__MACOSX" not in name}

    def read(entry: ManifestEntry) -> bytes | None:
        name = names.get(entry.path.removeprefix(f"{PHOTO_FOLDER}/"))
        if name is None:
            return None
        try:
            with archive.open(name) as member:
                return member.read(entry.size + 1)
        # Damaged members fail as zlib, struct, NotImplemented or Runtime errors; all mean: not this photo.
        except Exception:
            return None

    return read


def _write_lists(target: Path, source: str | Path | None, base_url: str) -> None:
    """The three lists as the source has them; where it has none, from the manifest; they must say the same."""
    for split, name in SPLIT_LISTS.items():
        beside = Path(source, name) if source is not None else target / name
        if source is None and not beside.is_file():
            download(base_url + name, beside, max_bytes=_MAX_LIST_BYTES)
        elif beside.is_file():
            write_bytes(target / name, beside.read_bytes()[:_MAX_LIST_BYTES])
        else:
            write_text(target / name, "".join(_list_line(path, label) for path, label in _of_split(split)))
    try:
        if read_official_split(target) != official_records():
            where = source or base_url
            raise RecycleNetError(
                f"the split lists in {where} are not TrashNet's official ones; the photos are in {target}"
            )
    except RecycleNetError as error:  # what is kept would be taken for good the next time
        for name in SPLIT_LISTS.values():
            (target / name).unlink()
        again = ": run it again" if source is None else ""
        raise RecycleNetError(f"{error}; the lists were not kept{again}") from error


def _of_split(split: str) -> list[tuple[str, str]]:
    return [(record.path, record.label) for record in official_records() if record.split == split]


def _list_line(path: str, label: str) -> str:
    return f"{Path(path).name} {TRASHNET_CLASSES.index(label) + 1}\n"
