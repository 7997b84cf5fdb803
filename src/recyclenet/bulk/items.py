"""One photo to answer: a file, an object behind a URL, or a member of a tar shard."""

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


class Part(NamedTuple):
    """Photos that are answered by one process and committed together; the first of them is number `first` of all."""

    number: int
    first: int
    items: list[Item]


def is_url(name: str) -> bool:
    """Whether a name is an address for fsspec (s3://bucket/a.jpg) and not a file on this machine."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name) is not None
