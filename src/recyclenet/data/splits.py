"""Which photo is trained on and which is held back: a seeded, stratified split and its file, splits.csv."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from recyclenet.atomic import write_text
from recyclenet.errors import RecycleNetError

SPLITS = ("train", "val", "test")
SPLITS_FILE = "splits.csv"
DEFAULT_FRACTIONS = (0.70, 0.13, 0.17)  # the original's
_HEADER = ["path", "label", "split"]
_MAX_CSV_BYTES = 2**30


@dataclass(frozen=True, order=True)
class PhotoRecord:
    """One labelled photo: `path` relative to the data folder with forward slashes, `split` one of SPLITS."""

    path: str
    label: str
    split: str


def split_records(
    labelled: Iterable[tuple[str, str]], *, seed: int = 1234, fractions: Sequence[float] = DEFAULT_FRACTIONS
) -> tuple[PhotoRecord, ...]:
    """Splits photos so that every class is divided in the same proportions.

    The order within a class is that of SHA-256 over seed and path, so the result depends on nothing but
    the paths, the seed and the fractions: the same bytes on every machine and Python version, and a photo
    that is added moves few others.

    Args:
        labelled: (path, label) pairs; paths relative, forward slashes.
        seed: any whole number.
        fractions: shares of train, val and test; they sum to 1; a share of 0 leaves that split empty.

    Returns:
        Records sorted by path. A class with fewer photos than splits is missing from some: by the default fractions
        first from val, then from test.

    Raises:
        RecycleNetError: fractions that are not shares of one.
    """
    check_fractions(fractions)
    by_label: dict[str, list[str]] = {}
    for path, label in labelled:
        by_label.setdefault(label, []).append(path)
    records = []
    for label, paths in by_label.items():
        shuffled = sorted(paths, key=lambda path: seeded_key(seed, path))
        start = 0
        for split, count in zip(SPLITS, shares(len(paths), fractions), strict=True):
            records += [PhotoRecord(path, label, split) for path in shuffled[start : start + count]]
            start += count
    return tuple(sorted(records))


def check_fractions(fractions: Sequence[float]) -> None:
    """Raises RecycleNetError unless they are shares of one for train, val and test."""
    if not (len(fractions) == 3 and min(fractions) >= 0 and abs(sum(fractions) - 1) <= 1e-6 and fractions[0] > 0):
        raise RecycleNetError(f"split shares must be three numbers that sum to 1, train above 0, not {list(fractions)}")


def seeded_key(seed: int, path: str) -> bytes:
    """By this photos are put into an order that looks random: SHA-256 over seed and path."""
    return hashlib.sha256(f"{seed}:{path}".encode("utf-8", "surrogatepass")).digest()


def shares(total: int, fractions: Sequence[float]) -> list[int]:
    """Whole numbers that sum to `total`, by largest remainder; each wanted split gets one if there are enough."""
    exact = [total * fraction for fraction in fractions]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(3), key=lambda i: (counts[i] - exact[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    for i in (0, 2, 1):
        if fractions[i] > 0 and counts[i] == 0 and max(counts) > 1:
            counts[counts.index(max(counts))] -= 1
            counts[i] = 1
    return counts


def write_splits(path: str | Path, records: Iterable[PhotoRecord]) -> None:
    """Writes splits.csv: header path,label,split, sorted by path, LF line ends, UTF-8; atomic.

    Raises:
        RecycleNetError: the file cannot be written, or a name would not come back as it is.
    """
    records = sorted(records)
    for record in records:
        name = record.path + record.label
        if not is_inside(record.path) or "\r" in name or any("\ud800" <= c <= "\udfff" for c in name):
            raise RecycleNetError(f"{record.path!a} cannot stand in a list of photos: rename it to plain characters")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows((record.path, record.label, record.split) for record in records)
    write_text(path, text.getvalue())


def read_splits(path: str | Path) -> tuple[PhotoRecord, ...]:
    """Reads splits.csv, sorted by path; checks names and labels, not that the photos exist.

    Raises:
        RecycleNetError: unreadable, not this format, a path that leaves its folder, a split that is not
            train, val or test, or a photo listed twice; the line is named.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _MAX_CSV_BYTES:
            raise RecycleNetError(f"{file} is larger than {_MAX_CSV_BYTES / 2**30:.0f} GiB: not a list of photos")
        rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig")), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecycleNetError(f"{file} cannot be read as a table of splits: {error}") from error
    if not rows or rows[0] != _HEADER:
        found = "; its values are divided by ';'" if rows and len(rows[0]) == 1 and ";" in rows[0][0] else ""
        raise RecycleNetError(f"{file} must begin with the line {','.join(_HEADER)}{found}")
    records: dict[str, PhotoRecord] = {}
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != 3:
            raise RecycleNetError(f"{file}, line {line}: expected path,label,split, found {len(row)} values")
        name, label, split = row
        if "\\" in name:
            raise RecycleNetError(f"{file}, line {line}: in {name!r} folder and file are to be divided by /, not \\")
        if not is_inside(name):
            raise RecycleNetError(f"{file}, line {line}: the path {name!r} leads out of the data folder")
        record = PhotoRecord(PurePosixPath(name).as_posix(), label, split)  # ./a.jpg and a.jpg are one photo
        if not record.label.strip():
            raise RecycleNetError(f"{file}, line {line}: the label is empty")
        if record.split not in SPLITS:
            raise RecycleNetError(
                f"{file}, line {line}: split must be one of {', '.join(SPLITS)}, not {record.split!r}"
            )
        if record.path in records:
            raise RecycleNetError(f"{file}, line {line}: {record.path} is listed twice")
        records[record.path] = record
    return tuple(sorted(records.values()))


def is_inside(path: str) -> bool:
    """Whether a relative path with forward slashes stays in its folder and names one file."""
    parts = PurePosixPath(path).parts
    is_relative = bool(parts) and not path.startswith("/") and not PureWindowsPath(path).drive
    return is_relative and ".." not in parts and "\\" not in path and "\0" not in path
