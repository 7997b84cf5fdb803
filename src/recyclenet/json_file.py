"""JSON files of this program's own, read back: whatever is wrong with one is told with one kind of error."""

import json
from pathlib import Path
from typing import Any

from recyclenet.errors import RecycleNetError


def read_json(path: Path, advice: str = "") -> Any:
    """What the file holds; which shape that has is for the caller to check.

    Args:
        path: the file.
        advice: what to do about a file that cannot be read, for the end of the message.

    Raises:
        FileNotFoundError: there is none, which often means that there is nothing yet.
        RecycleNetError: it cannot be read, or is not JSON.
    """
    then = f"; {advice}" if advice else ""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise RecycleNetError(f"{path} cannot be read: {error}{then}") from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecycleNetError(f"{path} is damaged: it is not JSON ({error}){then}") from error
