"""A zip in place of TrashNet's: nothing but photos of the manifest ever gets out of it, and only where they belong."""

import hashlib
import io
import shutil
import zipfile
from unittest import mock

from recyclenet.data.fetch import fetch_trashnet
from recyclenet.data.trashnet import SPLIT_LISTS, ManifestEntry
from tests.fuzz.hostile import Form, Target
from tests.fuzz.targets.scratch import scratch, scratch_file

_PATHS = {f"dataset-resized/{label}/{label}1.jpg": split for label, split in (("glass", "train"), ("trash", "test"))}
_PHOTOS = {path: path.encode() * 10 for path in _PATHS}
_MANIFEST = {
    path: ManifestEntry(path, len(data), hashlib.sha256(data).hexdigest(), _PATHS[path])
    for path, data in _PHOTOS.items()
}
_NAMES = {*_PATHS, *SPLIT_LISTS.values(), "splits.csv"}


def _zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _read(data: bytes) -> None:
    out = scratch("zip_source") / "out"
    shutil.rmtree(out, ignore_errors=True)
    source = scratch_file("zip_source", "source.zip", data)
    with (
        mock.patch("recyclenet.data.fetch.manifest", return_value=_MANIFEST),
        mock.patch("recyclenet.data.trashnet.manifest", return_value=_MANIFEST),
        mock.patch("recyclenet.atomic.os.fsync"),  # most of the time
    ):
        try:
            fetch_trashnet(out, source)
        finally:
            written = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
            assert written.keys() <= _NAMES, written
            assert all(written[path].read_bytes() == _PHOTOS[path] for path in _PHOTOS.keys() & written.keys())
            assert {path.name for path in scratch("zip_source").iterdir()} <= {"out", "source.zip"}


_EVIL = {"../evil.jpg": b"evil", "/abs.jpg": b"evil", "dataset-resized/glass/../../../evil.jpg": b"evil"}
TARGET = Target(
    [
        Form(_zipped(_PHOTOS)),
        Form(_zipped(_PHOTOS | _EVIL)),
        Form(_zipped(_PHOTOS, zipfile.ZIP_STORED)),
        Form(_zipped(_PHOTOS, zipfile.ZIP_BZIP2)),
        Form(_zipped(_PHOTOS, zipfile.ZIP_LZMA)),
        # damage that the checksum is computed over
        *(Form(data, lambda damaged, path=path: _zipped(_PHOTOS | {path: damaged})) for path, data in _PHOTOS.items()),
    ],
    _read,
    (b"dataset-resized/glass/glass1.jpg", b"../", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"\x00\x08", bytes(300)),
)
