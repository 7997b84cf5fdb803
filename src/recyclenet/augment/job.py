"""A plan carried out: every photo read once, all its copies written, by as many processes as there are cores."""

import shutil
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from recyclenet.atomic import replace_file
from recyclenet.augment.groups import pipeline
from recyclenet.augment.library import Transform, apply
from recyclenet.augment.plan import Copy, Plan, PlannedPhoto, write_plan_splits
from recyclenet.errors import PhotoError, RecycleNetError, first_line
from recyclenet.machine import usable_cores
from recyclenet.photo import load_photo
from recyclenet.process_pool import ENDED_EARLY, process_pool
from recyclenet.training.interrupt import StopRequest

JPEG_QUALITY = 95
MAX_SIDE = 32_766
"""OpenCV counts pixels in 16 bits when it warps."""

# A process takes a second to start, in which another makes the copies of a dozen photos.
_PHOTOS_PER_PROCESS = 16


@dataclass(frozen=True)
class Made:
    """Files of one photo that are in the target, and what went wrong with it."""

    paths: tuple[str, ...]
    error: PhotoError | None


@dataclass(frozen=True)
class AugmentReport:
    """`originals` and `copies` count files in the target, old and new; `stopped_by` is a signal or None."""

    originals: int
    copies: int
    failed: tuple[PhotoError, ...]
    stopped_by: int | None


def run_plan(
    plan: Plan, *, workers: int | None = None, on_progress: Callable[[int, int | None], None] | None = None
) -> AugmentReport:
    """Makes all copies that are not there yet, and the target's splits.csv.

    Photos that cannot be used are reported and left out, their untouched originals too. Ctrl-C and SIGTERM stop
    it between photos; what is there is whole, and the same call goes on.

    Args:
        plan: the photos and their copies; its target is one that `open_target` has opened.
        workers: processes; the bytes written do not depend on it. All cores by default.
        on_progress: told (photos done, photos in all).

    Raises:
        RecycleNetError: the target cannot be written, or a process ended before its work was done.
    """
    work = partial(make_copies, plan.source, plan.target, plan.settings.probability)
    processes = min(workers or usable_cores(), -(-len(plan.photos) // _PHOTOS_PER_PROCESS))
    made: list[Made] = []
    with StopRequest() as stop, _results(work, plan.photos, processes) as results:
        try:
            for result in results:
                made.append(result)
                if on_progress is not None:
                    on_progress(len(made), len(plan.photos))
                if stop.signal_number is not None:
                    break
        except BrokenProcessPool as error:
            if stop.signal_number is None:  # else the signal reached the processes, too
                raise RecycleNetError(
                    f"{ENDED_EARLY}; {len(made)} photos are done: run it again to go on, with fewer --workers"
                ) from error
    paths = {path for result in made for path in result.paths}
    if stop.signal_number is None:
        write_plan_splits(plan, paths)
    originals = sum(photo.kept and photo.record.path in paths for photo in plan.photos)
    failed = tuple(result.error for result in made if result.error is not None)
    return AugmentReport(originals, len(paths) - originals, failed, stop.signal_number)


def make_copies(source: Path, target: Path, probability: str, planned: PlannedPhoto) -> Made:
    """Writes the files of one photo that are not in the target yet.

    Raises:
        RecycleNetError: they cannot be written.
    """
    if all((target / path).is_file() for path in planned.paths):
        return Made(planned.paths, None)
    done: list[str] = []
    try:
        # Photos without copies are decoded, too: the target is to train and to be evaluated on as it is.
        photo = load_photo(source / planned.record.path)
        for copy in planned.copies:
            if not (target / copy.path).is_file():
                _write_copy(photo, copy, target / copy.path, probability, source / planned.record.path)
            done.append(copy.path)
        if planned.kept:
            with replace_file(target / planned.record.path) as temporary:
                shutil.copyfile(source / planned.record.path, temporary)
            done.append(planned.record.path)
    except PhotoError as error:
        return Made(tuple(done), error)
    return Made(tuple(done), None)


def augment_photo(transform: Transform, photo: Image.Image, seed: int, group: str, source: Path) -> Image.Image:
    """`library.apply`, whose errors of every kind become one about the photo, so that the others can go on.

    Args:
        transform: one of the group's, or its pipeline.
        photo: RGB, uint8.
        seed: same seed, same picture.
        group: named in errors.
        source: the photo's file, named in errors.

    Returns:
        RGB, uint8.

    Raises:
        PhotoError: a side is longer than MAX_SIDE, or the library or OpenCV fails.
    """
    if max(photo.size) > MAX_SIDE:
        size = f"{photo.width}×{photo.height}"
        raise PhotoError(source, f"{size} is too long to be augmented: at most {MAX_SIDE} pixels a side")
    try:
        return apply(transform, photo, seed)
    except Exception as error:
        reason = first_line(error)
        raise PhotoError(source, f"cannot be augmented ({group}: {reason})") from error


def _write_copy(photo: Image.Image, copy: Copy, path: Path, probability: str, source: Path) -> None:
    picture = augment_photo(pipeline(copy.group, probability, min(photo.size)), photo, copy.seed, copy.group, source)
    with replace_file(path) as temporary:
        picture.save(temporary, format="JPEG", quality=JPEG_QUALITY)


@contextmanager
def _results(
    work: Callable[[PlannedPhoto], Made], photos: tuple[PlannedPhoto, ...], processes: int
) -> Iterator[Iterator[Made]]:
    """The results in the order of the photos; when left, whatever was not begun is given up."""
    if processes <= 1:
        yield map(work, photos)
        return
    # A terminal's Ctrl-C reaches the whole group; the main process handles it, and these end when it does.
    with process_pool(processes, ignored=(signal.SIGINT,)) as pool:
        yield _in_order(pool, work, photos, ahead=4 * processes)


def _in_order(
    pool: ProcessPoolExecutor, work: Callable[[PlannedPhoto], Made], photos: tuple[PlannedPhoto, ...], ahead: int
) -> Iterator[Made]:
    pending: deque[Future[Made]] = deque()
    for photo in photos:
        pending.append(pool.submit(work, photo))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
