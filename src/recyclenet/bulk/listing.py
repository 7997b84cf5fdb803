"""All items of a job in one Parquet file, a row group a part: written once, then read a part at a time."""

import hashlib
import os
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recyclenet.atomic import replace_file
from recyclenet.bulk.items import Item, Part
from recyclenet.errors import RecycleNetError

# Names as bytes: those of files need not be Unicode.
_SCHEMA = pa.schema(
    [
        pa.field("path", pa.binary(), nullable=False),
        pa.field("container", pa.binary()),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("error", pa.string()),
    ]
)
_FOLDER_KEY = b"recyclenet.folder"


def write_listing(
    path: Path, items: Iterable[Item], part_size: int, folder: str, on_progress: Callable[[int], None] | None = None
) -> tuple[int, str]:
    """Writes the items as they come, `part_size` a row group; holds one part at a time.

    Args:
        path: of the listing.
        items: named as the person named them.
        part_size: photos a part.
        folder: from which their relative names are found, an absolute path.
        on_progress: told how many are written.

    Returns:
        How many there are, and the SHA-256 over all of them in their order.

    Raises:
        RecycleNetError: there are none, or the file cannot be written.
    """
    digest, total = hashlib.sha256(), 0
    encoding = {"path": "DELTA_BYTE_ARRAY", "offset": "PLAIN", "size": "PLAIN", "error": "PLAIN"}
    with (
        replace_file(path) as temporary,
        pq.ParquetWriter(
            temporary,
            _SCHEMA.with_metadata({_FOLDER_KEY: os.fsencode(folder)}),
            compression="zstd",
            use_dictionary=["container"],
            column_encoding=encoding,
        ) as writer,
    ):
        remaining = iter(items)
        while group := list(islice(remaining, part_size)):
            for item in group:
                digest.update(repr(tuple(item)).encode("utf-8", "surrogateescape") + b"\n")
            writer.write_table(pa.Table.from_pylist([_to_row(item) for item in group], _SCHEMA))
            total += len(group)
            if on_progress is not None:
                on_progress(total)
        if not total:
            raise RecycleNetError("no photos to answer")
    return total, digest.hexdigest()


class Listing:
    """Reads parts of a listing. Not for several threads at once."""

    def __init__(self, path: Path, part_size: int) -> None:
        self._path = path
        self._part_size = part_size
        self._file: Any = None

    def part(self, number: int) -> Part:
        """The items of one part.

        Raises:
            RecycleNetError: the file is missing or damaged, or does not say where its relative names are found.
        """
        try:
            if self._file is None:  # here, so that a Listing can be handed to another process
                self._file = pq.ParquetFile(self._path)
            rows = self._file.read_row_group(number).to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise RecycleNetError(f"{self._path} is missing or damaged: begin again with another --out") from error
        items = [_from_row(row) for row in rows]
        folder = (self._file.schema_arrow.metadata or {}).get(_FOLDER_KEY)
        # Once a listing had no folder: its names were looked for wherever the job happened to go on.
        if folder is None and (relative := next((item for item in items if item.is_relative), None)):
            raise RecycleNetError(
                f"{self._path} names {relative.name}, but not the folder from which it is found: it is of an earlier "
                "version. Begin again with another --out"
            )
        return Part(number, number * self._part_size, items, os.fsdecode(folder or b""))


def _to_row(item: Item) -> dict[str, Any]:
    container = None if item.container is None else _encode(item.container)
    return item._asdict() | {"path": _encode(item.path), "container": container}


def _from_row(row: dict[str, Any]) -> Item:
    container = None if row["container"] is None else _decode(row["container"])
    return Item(**(row | {"path": _decode(row["path"]), "container": container}))


def _encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
