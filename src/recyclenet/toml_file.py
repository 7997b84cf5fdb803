"""TOML from anybody: read within limits, and refused with one kind of error."""

import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from recyclenet.errors import RecycleNetError

MAX_BYTES = 2**18
"""Larger files are refused: settings that people write have a hundredth of that."""

_MOST_DOTS = 100  # in a line: tomllib's time and memory grow with the square of the parts that a key has


def read_toml(source: Traversable | Path, what: str) -> dict[str, Any]:
    """A file's table; `what` is how errors call it.

    Raises:
        RecycleNetError: it cannot be read, is too large, or is not TOML.
    """
    try:
        with source.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES // 1024} KiB, which no such file needs")
        return parse_toml(data.decode("utf-8-sig"))  # some editors of Windows begin a file with a mark
    except (OSError, ValueError) as error:
        raise RecycleNetError(f"{what} cannot be read: {error}") from error


def parse_toml(text: str) -> dict[str, Any]:
    """A table from text.

    Raises:
        ValueError: not TOML, nested too deep, or keys of more parts than anything here has.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") > _MOST_DOTS and not line.lstrip().startswith("#"):
            raise ValueError(f"more than {_MOST_DOTS} dots in line {number}")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("brackets in brackets, too many of them") from error
