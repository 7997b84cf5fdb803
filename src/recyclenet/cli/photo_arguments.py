"""What a person names on the command line (files, folders, globs) as a list of photos."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from recyclenet.cli.console import note
from recyclenet.errors import RecycleNetError


def photos_or_samples(arguments: Iterable[str] | None) -> tuple[list[str], bool]:
    """The photos named, or the sample photos where none are, and whether they are photos and not drawings.

    Says on standard error where samples come from.

    Raises:
        RecycleNetError: as `gather_photos`.
    """
    if arguments:
        return list(gather_photos(arguments)), True
    from recyclenet.data.samples import find_samples  # with all that fetches: photos of one's own start without it

    samples = find_samples()
    note(f"sample photos: {samples.source}")
    return [str(path) for path in samples.paths], samples.are_real


def gather_photos(arguments: Iterable[str]) -> Iterator[str]:
    """Photos in the order named; those of a folder (searched to any depth) or a glob sorted.

    A name that is neither folder nor glob is passed on as it is, also where no such file exists: the
    error then belongs to that one photo.

    Raises:
        RecycleNetError: a folder or glob without photos.
    """
    for argument in arguments:
        path = Path(argument)
        # os.path, because Path raises for names that are too long instead of saying no.
        if os.path.isdir(argument):  # noqa: PTH112
            from recyclenet.data.folder import find_photos  # single photos start without it

            photos = [str(photo) for photo in find_photos(path)]
            if not photos:
                raise RecycleNetError(f"no photos in the folder {argument} (endings such as .jpg, .png, .webp, .heic)")
            yield from photos
        elif glob.has_magic(argument) and not os.path.exists(argument):  # noqa: PTH110
            matches = sorted(match for match in glob.glob(argument, recursive=True) if Path(match).is_file())
            if not matches:
                raise RecycleNetError(f"no files match {argument}")
            yield from matches
        else:
            yield argument
