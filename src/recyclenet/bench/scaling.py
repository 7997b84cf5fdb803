"""1, 10 and 100 times as many photos: how time and memory of the jobs on whole folders grow."""

import shutil
from collections.abc import Callable
from math import log
from pathlib import Path

import numpy as np
from PIL import Image

from recyclenet.bench.in_turn import Rounds
from recyclenet.bench.processes import Taken, run_program
from recyclenet.bench.result import Aim, BenchTable, lines_of
from recyclenet.data.splits import SPLITS_FILE

TIMES = (1, 10, 100)
JOBS: dict[str, Callable[[Path, Path], list[str]]] = {
    "predict --out": lambda photos, out: ["predict", str(photos), "--out", str(out)],
    "data audit": lambda photos, out: ["data", "audit", str(photos), "--out", str(out)],
    "data split": lambda photos, _: ["data", "split", str(photos)],
}

_SIZE = (96, 72)
_CLASSES = ("glass", "paper")
_SLOPE = 1.25  # the power of the number of photos that time may grow with


def measure_scaling(
    folder: Path, rounds: int, *, base: int = 100, on_progress: Callable[[int, int], None] | None = None
) -> BenchTable:
    """Each job on each number of photos, as processes of their own.

    The photos are small and all different: copies of the same bytes would be too easy for the audit.

    Args:
        folder: empty; for the photos, and what the jobs write.
        rounds: of each.
        base: photos at 1×.
        on_progress: told (processes done, processes in all).

    Raises:
        RecycleNetError: one of the processes failed.
    """
    photos = {times: _write_photos(folder / f"{times}x", times * base) for times in TIMES}
    taken: dict[tuple[str, int], list[Taken]] = {(job, times): [] for job in JOBS for times in TIMES}
    for number in range(rounds):
        for place, (job, times) in enumerate(taken):
            out = folder / "out"
            shutil.rmtree(out, ignore_errors=True)
            (photos[times] / SPLITS_FILE).unlink(missing_ok=True)
            taken[job, times].append(run_program(JOBS[job](photos[times], out)))
            if on_progress is not None:
                on_progress(number * len(taken) + place + 1, rounds * len(taken))
    seconds: Rounds = {
        _name(job, times * base): np.array([one.seconds for one in of_all]) for (job, times), of_all in taken.items()
    }
    memory = {key: float(np.median([one.peak_mb for one in of_all])) for key, of_all in taken.items()}
    first, last = TIMES[-2:]
    slopes = {
        job: log(np.median(seconds[_name(job, last * base)]) / np.median(seconds[_name(job, first * base)]))
        / log(last / first)
        for job in JOBS
    }
    reference = _name(next(iter(JOBS)), base)
    return BenchTable(
        f"photos of {_SIZE[0]}×{_SIZE[1]}, a process each",
        "s",
        reference,
        rounds,
        lines_of(seconds, reference, 1.0),
        tuple(
            Aim(f"power of the number of photos that the time of {job} grows with, {first}× to {last}×", slope, _SLOPE,
                at_most=True)
            for job, slope in slopes.items()
        ),
        tuple(
            f"{job}: peak memory of the largest process {', '.join(f'{memory[job, times]:.0f}' for times in TIMES)} MB."
            for job in JOBS
        ),
        {f"{job}, {times * base} photos, MB": memory[job, times] for job, times in memory},
    )  # fmt: skip


def _name(job: str, photos: int) -> str:
    return f"{job}, {photos:,} photos"


def _write_photos(folder: Path, count: int) -> Path:
    rng = np.random.default_rng(count)
    for label in _CLASSES:
        (folder / label).mkdir(parents=True)
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        photo = coarse.resize(_SIZE, Image.Resampling.BICUBIC)
        photo.save(folder / _CLASSES[number % len(_CLASSES)] / f"{number}.jpg", quality=90)
    return folder
