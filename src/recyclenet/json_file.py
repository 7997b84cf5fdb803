"""JSON files of this program's own, read back: whatever is wrong with one is told with one kind of error."""

import json
from pathlib import Path
from typing import Any

from recyclenet.errors import RecycleNetError


def read_json(path: Path, advice: str = "") -> Any:
    """What the file holds; which shape that has is for the caller to check.

    Args:
        path: the file.
        advice: what to do about a damaged file, for the end of the message.

    Raises:
        FileNotFoundError: there is none, which often means that there is nothing yet.
        RecycleNetError: it cannot be read, or is not JSON.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RecycleNetError(f"{path} cannot be read: {error}") from error
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        then = f"; {advice}" if advice else ""
        raise RecycleNetError(f"{path} is damaged: it is not JSON ({error}){then}") from error
