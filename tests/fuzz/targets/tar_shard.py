"""A tar shard: listed without unpacking, each photo read from its place."""

import io
import tarfile
from contextlib import suppress

from recyclenet.bulk.read import read_item
from recyclenet.bulk.tar import tar_items
from recyclenet.errors import PhotoError
from tests.fuzz.hostile import Form, Target
from tests.fuzz.targets.scratch import scratch_file

_BLOCK = 512


def _shard(form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name in ("a.jpg", "f/" * 40 + "ü.png", "notes.txt", "c.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 700
            tar.addfile(info, io.BytesIO(b"p" * 700))
    return buffer.getvalue().rstrip(b"\0") + bytes(2 * _BLOCK)


def _with_checksums(data: bytes) -> bytes:
    """Every block that looks like a header gets the checksum of one."""
    made = bytearray(data)
    for start in range(0, len(made) - _BLOCK + 1, _BLOCK):
        block = made[start : start + _BLOCK]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            made[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    return bytes(made)


def _read(data: bytes) -> None:
    path = scratch_file("tar_shard", "s.tar", data)
    with path.open("rb") as file:
        items = list(tar_items(str(path), file))
    assert len(items) <= 1 + len(data) // _BLOCK
    for item in items:
        if item.error is None:
            with suppress(PhotoError):
                assert len(read_item(item)) == item.size <= len(data)


_SHARDS = [_shard(form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]
TARGET = Target(
    [*map(Form, _SHARDS), *(Form(data, _with_checksums) for data in _SHARDS)],
    _read,
    (
        b"ustar",
        b"77777777777\0",
        b"\xff" * 11,
        b"\x80" + b"\xff" * 11,
        b"30 path=a.jpg\n",
        b"GNU.sparse.map=0,1",
        bytes(_BLOCK),
    ),
)
