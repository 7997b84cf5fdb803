"""Object stores and servers through fsspec, with their errors of every kind turned into the project's own."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import fsspec

from recyclenet.errors import RecycleNetError, first_line

T = TypeVar("T")

_TRIES = 3
_FIRST_WAIT = 0.5  # seconds; doubled each time


def open_url(url: str) -> tuple[Any, str]:
    """The file system behind a URL, and the path in it. Listings are not cached: they would be held whole.

    Raises:
        RecycleNetError: no such protocol, or the package for it is not installed; says which.
    """
    try:
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except Exception as error:  # ImportError, ValueError, and what a store raises for missing credentials
        raise RecycleNetError(f"{url} cannot be opened: {first_line(error)}") from error
    return system, path


def retried(call: Callable[[], T]) -> T:
    """What `call` gives, tried again after a pause where a store is busy or a connection broke.

    Raises:
        Exception: what it raised the last time; at once where trying again cannot help.
    """
    for attempt in range(_TRIES):
        try:
            return call()
        except (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError):
            raise
        except Exception:
            if attempt == _TRIES - 1:
                raise
            time.sleep(_FIRST_WAIT * 2**attempt)
    raise AssertionError("unreachable")
