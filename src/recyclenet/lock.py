"""One process at a time in a folder: a second one is refused and told who is there."""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recyclenet.errors import RecycleNetError

if sys.platform != "win32":  # which has no such locks: folders stay unlocked there
    import fcntl

LOCK_FILE = ".lock"


@contextmanager
def lock_folder(folder: str | Path) -> Iterator[None]:
    """Holds an existing folder against other processes, and against another such block in this one.

    The system itself lets go when the process ends, however it ends: a killed process leaves the file, but no lock.
    File systems without locks leave the folder unlocked.

    Raises:
        RecycleNetError: somebody else holds it, named by process and machine; or it cannot be written to.
    """
    path = Path(folder) / LOCK_FILE
    try:
        handle = _take(path)
    except BlockingIOError as error:
        raise RecycleNetError(
            f"{folder} is in use by {_holder(path)}: wait until it ends, stop it, or choose another folder"
        ) from error
    except OSError as error:
        raise RecycleNetError(f"cannot lock {folder}: {error.strerror or error}") from error
    _held.add(handle)
    try:
        yield
    finally:
        _held.discard(handle)
        if sys.platform == "win32":  # where an open file cannot be removed, and nobody waits for it
            os.close(handle)
            path.unlink(missing_ok=True)
        else:
            path.unlink(missing_ok=True)  # while it is held: whoever waits for this file finds that it is another one
            os.close(handle)


def _take(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(handle)
            if _is_at(path, handle):
                os.ftruncate(handle, 0)
                os.write(handle, _self_description())
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its last holder removed it between the two calls


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system that has no locks
        return


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _self_description() -> bytes:
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    return json.dumps(holder).encode()


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_bytes())
        return f"process {holder['pid']} on {holder['host']} (since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # it has only just begun
        return "another process"


# Descriptors of held locks. A forked child has them, too, and would hold the folder after its parent was killed.
_held: set[int] = set()


def _let_go_in_child() -> None:
    for handle in _held:
        os.close(handle)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
