"""Folders for readers that want a path; they last as long as the process."""

import functools
import tempfile
from pathlib import Path


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="recyclenet-fuzz-")


def scratch(target: str) -> Path:
    """A target's own folder."""
    path = Path(_folder().name, target)
    path.mkdir(exist_ok=True)
    return path


def scratch_file(target: str, name: str, data: bytes) -> Path:
    """A file in it."""
    path = scratch(target) / name
    path.write_bytes(data)
    return path
