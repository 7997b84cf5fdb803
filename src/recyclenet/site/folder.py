"""The folder that a site is written to: new, empty, or an earlier site, and nothing of anybody else's is touched."""

import json
from collections.abc import Mapping
from pathlib import Path

from recyclenet.atomic import replace_folder
from recyclenet.errors import RecycleNetError
from recyclenet.site.build import LIST, OFFLINE_WORKER

_MOST_LIST_BYTES = 2**20


def write_site(out: str | Path, files: Mapping[str, bytes]) -> Path:
    """Writes all files beside the folder, then puts them in its place.

    Args:
        out: a folder that is not there yet, is empty, or holds a site and nothing else.
        files: as `site_files` gives them.

    Returns:
        The folder.

    Raises:
        RecycleNetError: the folder holds something else, or cannot be written.
    """
    folder = Path(out)
    check_folder(folder)
    with replace_folder(folder) as temporary:
        for name, data in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return folder


def check_folder(folder: Path) -> None:
    """Whether a site may be written there.

    Raises:
        RecycleNetError: names what is in the way.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise RecycleNetError(f"{folder} is a file; expected a folder that is new, empty, or an earlier site")
    try:
        there = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    except OSError as error:
        raise RecycleNetError(f"{folder} cannot be read: {error.strerror or error}") from error
    foreign = [name for name in there if name not in _own_files(folder)]
    if foreign:
        raise RecycleNetError(
            f"{folder} holds {foreign[0]}" + (f" and {len(foreign) - 1} other files" if len(foreign) > 1 else "")
            + ", not written by 'recyclenet site': choose a new or empty folder, or move it away"
        )  # fmt: skip


def _own_files(folder: Path) -> set[str]:
    """The names in an earlier site's list; none where there is no such list."""
    try:
        with (folder / LIST).open("rb") as file:
            table = json.loads(file.read(_MOST_LIST_BYTES))
        return {*table["files"], LIST, OFFLINE_WORKER}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # no list, or somebody else's
        return set()
