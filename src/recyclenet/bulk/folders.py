"""Photos below a folder of this machine or of a store, in order, one folder's names in memory at a time."""

import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from recyclenet.bulk.items import UNKNOWN_SIZE, Item
from recyclenet.bulk.remote import retried
from recyclenet.data.folder import is_photo_name, is_searched
from recyclenet.errors import RecycleNetError


class _Entry(NamedTuple):
    path: str
    is_folder: bool
    size: int = UNKNOWN_SIZE


def local_folder(folder: str) -> Iterator[Item]:
    """The photos below a folder, in the order of `recyclenet.data.folder.find_photos`.

    Raises:
        RecycleNetError: a folder cannot be read.
    """

    def entries(here: str) -> list[_Entry]:
        try:
            with os.scandir(here) as found:
                # A link to a folder is neither photo nor followed: it could lead in circles.
                return [_Entry(e.path, e.is_dir()) for e in found if not (e.is_dir() and e.is_symlink())]
        except OSError as error:
            raise RecycleNetError(f"the folder {here} cannot be read: {error.strerror or error}") from error

    return (Item(entry.path) for entry in _walk(folder, entries, os.sep))


def url_folder(system: Any, folder: str) -> Iterator[Item]:
    """The photos below a path of an fsspec file system, with their sizes where the store tells them."""

    def entries(here: str) -> list[_Entry]:
        return [
            _Entry(e["name"].rstrip("/"), e["type"] == "directory", UNKNOWN_SIZE if e["size"] is None else e["size"])
            for e in retried(lambda: system.ls(here, detail=True))
            if e["name"].rstrip("/") != here.rstrip("/")  # some stores list the folder itself
        ]

    return (Item(system.unstrip_protocol(e.path), size=e.size) for e in _walk(folder, entries, "/"))


def _walk(root: str, entries: Callable[[str], list[_Entry]], separator: str) -> Iterator[_Entry]:
    """Files below `root`, depth first; a stack instead of recursion, for folders may be nested without end."""

    def wanted(here: str) -> Iterator[_Entry]:
        named = ((entry, entry.path.rpartition(separator)[2]) for entry in entries(here))
        return iter(sorted(entry for entry, name in named if (is_searched if entry.is_folder else is_photo_name)(name)))

    stack = [wanted(root)]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif entry.is_folder:
            stack.append(wanted(entry.path))
        else:
            yield entry
