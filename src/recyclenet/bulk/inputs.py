"""What a person names (files, folders, globs, tar shards, URLs, lists of these) as a stream of items."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from recyclenet.bulk.folders import local_folder, url_folder
from recyclenet.bulk.items import Item, is_url
from recyclenet.bulk.remote import open_url, retried
from recyclenet.bulk.tar import tar_items
from recyclenet.errors import RecycleNetError, first_line

_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_READ_AT_ONCE = 2**20  # of a remote shard: small members are listed by streaming it, large ones are skipped over


def named_items(arguments: Iterable[str]) -> Iterator[Item]:
    """The items of files, folders (searched to any depth, in order), globs, tar shards and URLs, in the order named.

    Raises:
        RecycleNetError: something is not there or cannot be listed, a folder or glob without photos, or a
            compressed shard.
    """
    for argument in arguments:
        items = _url_items(argument) if is_url(argument) else _local_items(argument)
        first = next(items, None)
        if first is None:
            raise RecycleNetError(f"no photos in {argument} (endings such as .jpg, .png, .webp, .heic)")
        yield first
        yield from items


def listed_items(file: Path) -> Iterator[Item]:
    """The items of a list: a line is a photo's path or URL, a tar shard (ending in .tar), or a folder (ending in /).

    Photos are not looked for now: one that is missing is an answer with an error. Blank lines are skipped.

    Raises:
        RecycleNetError: the list cannot be read or is empty, or a shard or folder of it is not there; this names the
            line, counted from 1.
    """
    found = False
    try:
        with open(file, encoding="utf-8-sig", errors="surrogateescape") as lines:
            for number, line in enumerate(lines, start=1):
                if name := _listed_name(line):
                    found = True
                    yield from _listed(name, f"the list {file}, line {number}")
    except OSError as error:
        raise RecycleNetError(f"the list {file} cannot be read: {error.strerror or error}") from error
    if not found:
        raise RecycleNetError(f"the list {file} is empty; expected a path or URL a line")


def _listed_name(line: str) -> str:
    """A line without its end, and without the blanks around a name that has none; empty for a blank line."""
    name, bare = line.rstrip("\r\n"), line.strip()
    if name == bare or not bare:
        return bare
    # Only names with blanks around them are looked for: a list may have millions of lines. URLs have no such blanks.
    return bare if is_url(bare) or (os.path.exists(bare) and not os.path.exists(name)) else name  # noqa: PTH110


def _listed(name: str, where: str) -> Iterator[Item]:
    if not name.endswith(("/", ".tar", *_COMPRESSED)):
        yield Item(name)
        return
    try:
        yield from named_items([name])
    except RecycleNetError as error:
        raise RecycleNetError(f"{where}: {error}") from error


def _local_items(argument: str) -> Iterator[Item]:
    # os.path, because Path raises for names that are too long instead of saying no.
    if os.path.isdir(argument):  # noqa: PTH112
        yield from local_folder(argument.rstrip(os.sep) or os.sep)
    elif os.path.exists(argument):  # noqa: PTH110
        yield from _local_file(argument)
    elif glob.has_magic(argument):
        for match in sorted(glob.glob(argument, recursive=True)):
            if os.path.isfile(match):  # noqa: PTH113
                yield from _local_file(match)
    else:
        raise RecycleNetError(f"no file or folder {argument}")


def _local_file(path: str) -> Iterator[Item]:
    _refuse_compressed(path)
    if not path.endswith(".tar"):
        yield Item(path)
        return
    try:
        with open(path, "rb") as file:
            yield from tar_items(path, file)
    except OSError as error:
        raise RecycleNetError(f"{path} cannot be read: {error.strerror or error}") from error


def _url_items(url: str) -> Iterator[Item]:
    _refuse_compressed(url)
    system, path = open_url(url)
    try:
        if glob.has_magic(path) and not retried(lambda: system.exists(path)):
            for match in sorted(retried(lambda: system.glob(path))):
                yield from _url_file(system, match)
        elif url.endswith(".tar"):
            yield from _url_shard(system, path, url)
        elif retried(lambda: system.isdir(path)):
            yield from url_folder(system, path)
        elif retried(lambda: system.exists(path)):
            yield Item(url)
        else:
            raise RecycleNetError(f"nothing at {url}")
    except RecycleNetError:
        raise
    except Exception as error:  # every store has errors of its own
        raise RecycleNetError(f"{url} cannot be listed: {first_line(error)}") from error


def _url_file(system: Any, path: str) -> Iterator[Item]:
    url = system.unstrip_protocol(path)
    _refuse_compressed(url)
    if path.endswith(".tar"):
        yield from _url_shard(system, path, url)
    else:
        yield Item(url)


def _url_shard(system: Any, path: str, url: str) -> Iterator[Item]:
    with retried(lambda: system.open(path, "rb", block_size=_READ_AT_ONCE, cache_type="readahead")) as file:
        yield from tar_items(url, file)


def _refuse_compressed(name: str) -> None:
    if name.endswith(_COMPRESSED):
        raise RecycleNetError(
            f"{name} is compressed; shards are read at any place in them, so unpack it to a plain .tar first"
        )
