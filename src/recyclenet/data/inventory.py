"""A run's list of photos: when its data is not what it was, this is what says which photos changed."""

import csv
import io
from collections.abc import Container
from pathlib import Path

from recyclenet.atomic import write_text
from recyclenet.data.folder import PhotoFolder, photo_bytes

_FIELDS = ["path", "label", "split", "bytes"]


def write_inventory(path: Path, folder: PhotoFolder) -> None:
    """Writes path, label, split and size of every photo as CSV: what `PhotoFolder.fingerprint` goes by.

    Raises:
        RecycleNetError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FIELDS)
    writer.writerows((name, *facts) for name, facts in _facts(folder).items())
    write_text(path, text.getvalue())


def inventory_changes(path: Path, folder: PhotoFolder, ignore: Container[str] = ()) -> list[str]:
    """How a folder's photos differ from a list of before, as in "2 photos are new (first: glass/9.jpg)".

    Args:
        path: what `write_inventory` wrote.
        folder: the photos as they are now.
        ignore: paths of photos that may differ.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            heading, *rows = csv.reader(file)
            before = {path: facts for path, *facts in rows if len(facts) == 3}
    except (OSError, ValueError, csv.Error):
        heading = []
    if heading != _FIELDS:
        return [f"which ones cannot be said: there is no readable {path.name}"]
    now = _facts(folder)
    both = [name for name in before if name in now]
    found = {
        "are new": [name for name in now if name not in before],
        "are gone": [name for name in before if name not in now],
        "have another label": [name for name in both if before[name][0] != now[name][0]],
        "are in another split": [name for name in both if before[name][1] != now[name][1]],
        "have another size": [name for name in both if before[name][2] != now[name][2]],
    }
    changes = []
    for what, names in found.items():
        if names := [name for name in names if name not in ignore]:
            changes.append(f"{len(names)} {what} (first: {names[0]})")
    return changes


def _facts(folder: PhotoFolder) -> dict[str, list[str]]:
    return {
        record.path: [record.label, record.split, str(photo_bytes(folder.root / record.path))]
        for record in folder.records
    }
