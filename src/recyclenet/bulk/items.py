"""One photo to answer: a file, an object behind a URL, or a member of a tar shard."""

import os
import re
from typing import NamedTuple

UNKNOWN_SIZE = -1


class Item(NamedTuple):
    """Where a photo's bytes are; nothing of it has been read yet.

    Attributes:
        path: a file, a URL, or a member's name in `container`. File names that are not Unicode have surrogates.
        container: the tar shard that holds it, a file or a URL; None for a file of its own.
        offset: of its first byte in the container.
        size: in bytes, or UNKNOWN_SIZE.
        error: why it cannot be read, found while listing; None for all that can be tried.
    """

    path: str
    container: str | None = None
    offset: int = 0
    size: int = UNKNOWN_SIZE
    error: str | None = None

    @property
    def name(self) -> str:
        """What it is called in answers: its path, or fsspec's address of a member, tar://MEMBER::SHARD."""
        if self.container is None:
            return self.path
        return f"tar://{self.path}::{self.container}" if self.path else self.container

    @property
    def is_relative(self) -> bool:
        """Whether the file that holds its bytes depends on a folder to be found."""
        place = self.path if self.container is None else self.container
        return not is_url(place) and not os.path.isabs(place)  # noqa: PTH117 (names of any kind)

    def found_from(self, folder: str) -> "Item":
        """The same photo, to be read by a process in any folder; its `name` may be another."""
        if not self.is_relative:
            return self
        if self.container is None:
            return self._replace(path=os.path.join(folder, self.path))
        return self._replace(container=os.path.join(folder, self.container))


class Part(NamedTuple):
    """Photos that are answered by one process and committed together.

    Attributes:
        number: of the part.
        first: the number of its first photo among all.
        items: named as the person named them.
        folder: from which relative names are found, an absolute path.
    """

    number: int
    first: int
    items: list[Item]
    folder: str


def is_url(name: str) -> bool:
    """Whether a name is an address for fsspec (s3://bucket/a.jpg) and not a file on this machine."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name) is not None
