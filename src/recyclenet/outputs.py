"""Files that a command is about to write, looked at before its work: not one of those it reads, nor out of reach."""

import os
from collections.abc import Iterable
from pathlib import Path

from recyclenet.errors import RecycleNetError
from recyclenet.model_files import CHECKPOINTS, EXPORTED
from recyclenet.photo import PHOTO_SUFFIXES

_MODELS = (EXPORTED, *CHECKPOINTS, ".tar")


def check_report(path: Path | None, option: str, inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Refuses a name for a table or a text under which a photo or a model would be lost, or nothing be written.

    The usual slip is an option without its file, so that the shell's *.jpg gives it the first photo.

    Args:
        path: where it shall be written; None: nothing is.
        option: how the command line calls it.
        inputs: files that the command reads.

    Raises:
        RecycleNetError: such a name.
    """
    if path is None:
        return
    if path.suffix.lower() in PHOTO_SUFFIXES or path.suffix.lower() in _MODELS:
        raise RecycleNetError(
            f"cannot write {path}: it ends like a photo or a model; was the name for {option} forgotten?"
        )
    check_output(path, option, inputs)


def check_output(path: Path, option: str, inputs: Iterable[str | os.PathLike[str]]) -> None:
    """Refuses to write over what is read, or where nothing can be written.

    Raises:
        RecycleNetError: it is one of the inputs, a folder, or in a folder that cannot be written to.
    """
    if path.is_dir():
        raise RecycleNetError(f"cannot write {path}: it is a folder, and {option} expects a file's name")
    if path.exists() and any(_same(path, other) for other in inputs):
        raise RecycleNetError(f"cannot write {path}: it is one of the files that are read; give {option} another name")
    parent = next(folder for folder in Path(os.path.abspath(path)).parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise RecycleNetError(f"cannot write {path}: {parent} is no folder that can be written to")


def _same(path: Path, other: str | os.PathLike[str]) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False
