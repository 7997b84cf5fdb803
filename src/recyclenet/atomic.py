"""Files appear whole or not at all: write beside the target, sync, rename."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recyclenet.errors import RecycleNetError

# This module's, and those that safetensors writes beside them.
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}(\.\w+)?|\.tmp\w{6}")


@contextmanager
def replace_file(path: str | Path, *, keep: Path | None = None) -> Iterator[Path]:
    """Yields a temporary path in the target's folder; on success it becomes `path`, on error it is removed.

    The temporary name keeps the target's ending, so that writers that go by it (Pillow, numpy) work.
    Missing parent folders are made. Both the file and its name are on the disk when this returns.

    Args:
        path: what is written.
        keep: a name in the same folder for the file that stood at `path`; one of the two is there at any moment.

    Raises:
        RecycleNetError: the folder or file cannot be written.
    """
    target = Path(os.path.realpath(path))  # a link is followed, as in any write
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise RecycleNetError(f"cannot write {target}: it is a folder, a file name was expected")
        if target.exists() and not target.is_file():
            raise RecycleNetError(f"cannot write {target}: it is a device or a pipe, a file name was expected")
        temporary = _temporary_name(target)
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
    except OSError as error:
        raise RecycleNetError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(mode)  # some writers make their files private; these are for sharing
        if keep is not None:
            _keep_old(target, keep)
        temporary.replace(target)
        _sync_folder(target.parent)
    except BrokenPipeError:  # a reader of the output left; that says nothing about this file
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if error.filename not in (None, str(temporary), str(target)):  # what should have been written was not there
            reason += f" ({error.filename})"
        raise RecycleNetError(f"cannot write {target}: {reason}") from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@contextmanager
def replace_folder(path: str | Path) -> Iterator[Path]:
    """Yields an empty temporary folder beside the target; on success it becomes `path`, on error it is removed.

    What `path` held before is gone then: whether it may go is the caller's to check. Missing parent folders are made.

    Raises:
        RecycleNetError: the folder cannot be written or put in place; what was there before is there again.
    """
    target = Path(os.path.realpath(path))
    temporary, old = (target.with_name(f".{secrets.token_hex(8)}") for _ in range(2))
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if target.exists():
            target.rename(old)
        try:
            temporary.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise RecycleNetError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text with the line ends as given, atomically; file names that are not Unicode as their bytes."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Writes bytes, atomically."""
    with replace_file(path) as temporary:
        temporary.write_bytes(data)


def make_folder(path: str | Path) -> Path:
    """Makes the folder (with parents) and returns it.

    Raises:
        RecycleNetError: it cannot be made or written to, or a file stands in its place.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecycleNetError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK):
        raise RecycleNetError(f"cannot write into {folder}: permission denied")
    return folder


def remove_leftovers(folder: Path) -> None:
    """Removes temporary files that a killed process left; only for a folder that nobody else writes to now."""
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def _temporary_name(target: Path) -> Path:
    return target.with_name(f".{secrets.token_hex(8)}{target.suffix}")


def _keep_old(target: Path, keep: Path) -> None:
    second = _temporary_name(target)
    try:
        os.link(target, second)
    except FileNotFoundError:  # nothing stood there
        return
    except OSError:  # no second names here (FAT, some network drives): for a moment there is `keep` alone
        target.replace(keep)
        return
    try:
        second.replace(keep)
    finally:
        second.unlink(missing_ok=True)  # still there where `keep` was a name of the same file already


def _sync_folder(folder: Path) -> None:
    """Names are the folder's: without this a rename could be lost with the power."""
    with suppress(OSError):  # some systems open no folders, some file systems sync none; the file itself is there
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
