"""Photos in a tar shard, listed without unpacking: names and places only, from a file that may mean harm."""

import io
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from recyclenet.bulk.items import Item
from recyclenet.data.folder import is_photo_name, is_searched
from recyclenet.errors import first_line

_MOST_AT_ONCE = 2**20
"""Headers are 512 bytes; what stands in long names and extended headers is read at once, and could claim gigabytes."""


def tar_items(container: str, file: BinaryIO) -> Iterator[Item]:
    """The photos of an uncompressed tar file in its order, by their endings; links and devices are left out.

    Memory does not grow with the number of members. Damage ends the list with one item that says so.

    Args:
        container: what items call the shard.
        file: it, open for reading, seekable.
    """
    try:
        with tarfile.open(fileobj=_Forward(file), mode="r:") as tar:
            while (member := tar.next()) is not None:
                if member.size < 0:  # a few bytes below nothing: reading them would be reading all that follows
                    raise tarfile.ReadError(f"a header claims {member.size} bytes")
                tar.members.clear()  # type: ignore[attr-defined]  # tarfile remembers every member
                if not member.isreg() or not _is_photo(member.name):
                    continue
                sparse = "stored with holes (a sparse member); expected a plain file" if member.issparse() else None
                yield Item(member.name, container, member.offset_data, member.size, sparse)
            end = tar.offset
        file.seek(end)
        if file.read(512).strip(b"\0"):  # tarfile takes a damaged header for the end
            yield _damaged(container, f"a damaged header at byte {end}")
    # tarfile meets hostile headers with errors of many kinds (TarError, ValueError, RecursionError, struct.error, …).
    except Exception as error:
        yield _damaged(container, first_line(error))


def _is_photo(name: str) -> bool:
    """The same as where a folder is searched."""
    folder, _, last = name.rpartition("/")
    return is_photo_name(last) and all(is_searched(part) for part in folder.split("/") if part not in ("", ".", ".."))


def _damaged(container: str, reason: str) -> Item:
    return Item("", container, error=f"not a whole tar file ({reason})")


class _Forward(io.RawIOBase):
    """A file for tarfile that only goes forward, in small reads: negative sizes would make it run in circles."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._furthest = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST_AT_ONCE:
            raise tarfile.ReadError(f"a header claims {size} bytes")
        data = self._file.read(size)
        self._furthest = max(self._furthest, self._file.tell())
        return data

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        if (
            whence != io.SEEK_SET or place < self._furthest - 1
        ):  # one byte: how tarfile finds out whether a member is whole
            raise tarfile.ReadError("a header points backwards")
        return self._file.seek(place)

    def tell(self) -> int:
        return self._file.tell()
