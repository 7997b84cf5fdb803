"""A bulk job from its first photo to its last, over as many runs as it takes."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import recyclenet
from recyclenet.atomic import make_folder, write_text
from recyclenet.bulk.engine import Engine
from recyclenet.bulk.inputs import listed_items, named_items
from recyclenet.bulk.items import Item, is_url
from recyclenet.bulk.listing import Listing, write_listing
from recyclenet.bulk.parts import PartFolder
from recyclenet.bulk.work import Work
from recyclenet.errors import RecycleNetError
from recyclenet.json_file import read_json
from recyclenet.lock import lock_folder
from recyclenet.recipes import differences
from recyclenet.strict import check_range, from_dict
from recyclenet.training.interrupt import RunStopped, StopRequest

PART_SIZE = 1000
JOB_FILE, LISTING_FILE = "_job.json", "_inputs.parquet"

Progress = Callable[[str, int, int | None], None]
"""Told what is counted ("listing" or "photos"), how many are done, and of how many."""


@dataclass(frozen=True)
class JobSpec:
    """What makes two jobs the same job; it is compared before a job goes on.

    Attributes:
        photos: the arguments, files and folders as absolute paths.
        list_file: as an absolute path.
        list_sha256: of its bytes.
        model: SHA-256 of its bytes.
        rules: SHA-256 of what they say.
        part_size: photos a part.
        version: of the program: another one may decode otherwise.
    """

    photos: tuple[str, ...]
    list_file: str | None
    list_sha256: str | None
    model: str
    rules: str
    part_size: int
    version: str

    def __post_init__(self) -> None:
        check_range("part_size", self.part_size, 1, 1_000_000)


@dataclass(frozen=True)
class _JobFile:
    spec: JobSpec
    total: int
    listing_sha256: str


@dataclass(frozen=True)
class JobReport:
    """Counts are of photos; `done` is of all runs together, `answered_now` of this one alone.

    Attributes:
        total: photos of the job; 0 if it was stopped before all were listed.
        done: with a row in a committed part, those that could not be read included.
        unreadable: of these, with an error instead of an answer.
        answered_now: rows of this run.
        seconds: of this run, from the first part that was handed out to the last that was committed.
        machines: that answered in this run.
        workers: processes of this run; 0 if there was nothing left to do.
        stopped_by: a signal's number, or None.
    """

    total: int
    done: int
    unreadable: int
    answered_now: int
    seconds: float
    machines: int
    workers: int
    stopped_by: int | None

    @property
    def is_complete(self) -> bool:
        """Every photo has its row."""
        return 0 < self.total == self.done


def run_job(
    photos: Iterable[str],
    out: Path,
    work: Work,
    engine: Engine,
    *,
    list_file: Path | None = None,
    part_size: int = PART_SIZE,
    on_progress: Progress = lambda *_: None,
) -> JobReport:
    """Begins a job in `out`, or goes on with the one that is there; what is committed is never done again.

    Photos are listed when the job begins, and never again: those added later are not part of it. Relative
    names are found from the folder in which the job began, wherever it goes on. Ctrl-C and SIGTERM end it when the
    parts in progress are committed. After a kill these alone are done again.

    Raises:
        RecycleNetError: another job is in `out`, or another process; the photos cannot be listed, a part is damaged,
            or the engine cannot go on.
    """
    named = tuple(photos)
    spec = _spec(named, list_file, work, part_size)
    with _folder(out), lock_folder(out), StopRequest() as stop:
        try:
            job = _read_job(out, spec) or _begin(out, spec, _items(named, list_file), stop, on_progress)
        except RunStopped:
            return JobReport(0, 0, 0, 0, 0.0, 0, 0, stop.signal_number)
        return _go_on(out, job, work, engine, stop, on_progress)


@contextmanager
def _folder(out: Path) -> Iterator[None]:
    """Makes the folder where it is missing; one that was made and is empty at the end, as of a refused job, goes."""
    is_new = not out.exists()
    make_folder(out)
    try:
        yield
    finally:
        if is_new:
            with suppress(OSError):  # it holds a job
                out.rmdir()


def _go_on(out: Path, job: _JobFile, work: Work, engine: Engine, stop: StopRequest, on_progress: Progress) -> JobReport:
    size, total = job.spec.part_size, job.total

    def photos_in(number: int) -> int:
        return min(size, total - number * size)

    folder = PartFolder(out, _fingerprint(job))
    folder.remove_leftovers()
    committed = folder.done()
    unreadable = sum(folder.check(number, photos_in(number)) for number in committed)
    done = before = sum(map(photos_in, committed))
    left = sorted(set(range(-(-total // size))).difference(committed))
    machines = set()
    started = ended = time.perf_counter()
    if left:
        on_progress("photos", done, total)
        listing = Listing(out / LISTING_FILE, size)
        for part in engine.run(work, listing, left, lambda: stop.signal_number is not None):
            unreadable += folder.commit(part.number, part.answers)
            done += len(part.answers)
            machines.add(part.machine)
            ended = time.perf_counter()
            on_progress("photos", done, total)
    workers = engine.workers if left else 0
    return JobReport(
        total, done, unreadable, done - before, ended - started, len(machines), workers, stop.signal_number
    )


def _fingerprint(job: _JobFile) -> str:
    return hashlib.sha256(json.dumps(asdict(job), sort_keys=True).encode()).hexdigest()


def _spec(photos: tuple[str, ...], list_file: Path | None, work: Work, part_size: int) -> JobSpec:
    try:
        list_sha256 = None if list_file is None else hashlib.sha256(list_file.read_bytes()).hexdigest()
    except OSError as error:
        raise RecycleNetError(f"the list {list_file} cannot be read: {error.strerror or error}") from error
    return JobSpec(
        tuple(photo if is_url(photo) else _absolute(photo) for photo in photos),
        None if list_file is None else _absolute(list_file),
        list_sha256,
        hashlib.sha256(work.model).hexdigest(),
        hashlib.sha256(json.dumps(asdict(work.rules), sort_keys=True).encode()).hexdigest(),
        part_size,
        recyclenet.__version__,
    )


def _absolute(path: str | Path) -> str:
    # JSON is Unicode, a file's name may not be.
    return str(Path(path).absolute()).encode("utf-8", "backslashreplace").decode("utf-8")


def _read_job(out: Path, spec: JobSpec) -> _JobFile | None:
    path = out / JOB_FILE
    try:
        table = read_json(path, "choose another --out")
    except FileNotFoundError:
        return None
    job = from_dict(_JobFile, table, str(path))
    if changes := differences(job.spec, spec):
        raise RecycleNetError(
            f"{out} holds another job ({'; '.join(changes)}): go on with what it was begun with, or choose another "
            "--out"
        )
    return job


def _items(photos: tuple[str, ...], list_file: Path | None) -> Iterator[Item]:
    # Names stay as they were given: rows name photos as the person did.
    return chain(named_items(photos), listed_items(list_file) if list_file is not None else ())


def _begin(out: Path, spec: JobSpec, items: Iterator[Item], stop: StopRequest, on_progress: Progress) -> _JobFile:
    if PartFolder(out, "").done():
        raise RecycleNetError(f"{out} holds parts of a job, but no {JOB_FILE}: choose another --out")

    def progress(count: int) -> None:
        stop.check()
        on_progress("listing", count, None)

    total, digest = write_listing(out / LISTING_FILE, items, spec.part_size, os.getcwd(), progress)
    job = _JobFile(spec, total, digest)
    # Last: a listing without this file is one that was not finished.
    write_text(out / JOB_FILE, json.dumps(asdict(job), indent=2) + "\n")
    return job
