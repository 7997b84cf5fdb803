"""The bytes of an item, wherever they are; whatever goes wrong with one of them is an error of that photo."""

import os
from pathlib import Path

from recyclenet.bulk.items import UNKNOWN_SIZE, Item, is_url
from recyclenet.bulk.remote import open_url, retried
from recyclenet.errors import PhotoError, RecycleNetError, first_line
from recyclenet.photo import MAX_BYTES, check_bytes, read_photo_file


def item_size(item: Item) -> int:
    """Bytes that reading it takes: as listed, else as its file says; 0 where nobody knows."""
    if item.size != UNKNOWN_SIZE:
        return max(0, min(item.size, MAX_BYTES))
    if is_url(item.path):
        return 0  # asking first would be one request more for each photo
    try:
        return min(os.stat(item.path).st_size, MAX_BYTES)  # noqa: PTH116 (names of any kind)
    except (OSError, ValueError):
        return 0


def read_item(item: Item) -> bytes:
    """Its bytes, at most MAX_BYTES.

    Raises:
        PhotoError: missing, too large, cut short or unreadable; names the item.
    """
    if item.error is not None:
        raise PhotoError(item.name, item.error)
    check_bytes(item.size, item.name)
    place = item.container or item.path
    if item.container is None and not is_url(place):
        return read_photo_file(Path(place), place)
    try:
        data = _read_remote(place, item) if is_url(place) else _read_member(place, item)
    except FileNotFoundError as error:
        raise PhotoError(item.name, "no such file") from error
    except RecycleNetError as error:
        raise PhotoError(item.name, first_line(error)) from error
    except Exception as error:  # every store has errors of its own
        raise PhotoError(item.name, f"cannot be read ({first_line(error)})") from error
    check_bytes(len(data), item.name)
    if item.container is not None and len(data) < item.size:
        raise PhotoError(item.name, f"cut short: {len(data):,} of {item.size:,} bytes are in the shard")
    return data


def _read_member(shard: str, item: Item) -> bytes:
    with open(shard, "rb") as file:
        file.seek(item.offset)
        return file.read(item.size)


def _read_remote(url: str, item: Item) -> bytes:
    system, path = open_url(url)
    if item.container is not None:
        return bytes(retried(lambda: system.cat_file(path, item.offset, item.offset + item.size)))
    if item.size != UNKNOWN_SIZE:
        return bytes(retried(lambda: system.cat_file(path)))

    def read() -> bytes:
        with system.open(path, "rb") as file:
            return bytes(file.read(MAX_BYTES + 1))

    return retried(read)
