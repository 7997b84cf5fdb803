"""Training on a GPU: photos on disk → updates of the weights, and → a trained network."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from recyclenet.bench.processes import run_program
from recyclenet.bench.result import Aim, BenchTable, lines_of
from recyclenet.bench.training_ways import (
    SPEC,
    Way,
    Work,
    held_step,
    network_alone,
    own_step,
    plain_loop,
    time_training,
)
from recyclenet.data.folder import PhotoFolder
from recyclenet.errors import RecycleNetError
from recyclenet.machine import usable_cores
from recyclenet.training.device import choose_compute

OURS = "recyclenet's step: photos and views on the device, bfloat16, channels last, compiled"
EAGER = "the same, not compiled"
FROM_DISK = "recyclenet's step, photos from disk, not compiled"
PLAIN = "a plain loop: photos in full by 4 workers, float32, channels first"
ALONE = "the updates of the first line alone, by a ready batch"
TRAIN = "recyclenet train --recipe paper --photos device --compile, bfloat16, channels last"
# The recipe itself is in float32 and channels first, as the original was.
_IN_BF16 = ("recipe.precision=auto", "recipe.channels_last=true")

_FASTER = 10.0
_OF_THE_LIMIT = 0.85
_SECONDS = 60.0
_STEPS = 50


def why_no_gpu() -> str | None:
    """Why nothing can be measured on a GPU; None where it can."""
    return None if torch.cuda.is_available() else "no CUDA device"


def measure_gpu_step(
    folder: PhotoFolder,
    arch: str,
    rounds: int,
    *,
    device: str = "cuda",
    compiled: bool = True,
    steps: int = _STEPS,
    batch_size: int = 32,
    on_progress: Callable[[int, int], None] | None = None,
) -> BenchTable:
    """Steps of the recipe `paper`, with the RecycleNet attention, on train photos.

    All ways are on the device at once, each in a process of its own: two of them hold the photos there.

    Args:
        folder: split.
        arch: of the backbone.
        rounds: each of `steps` steps.
        device: on which all ways compute.
        compiled: whether the first line and the limit are.
        steps: in a round; fewer where there are not so many batches of photos.
        batch_size: photos a step.
        on_progress: told (rounds done, rounds in all).

    Raises:
        RecycleNetError: fewer photos than a batch, or a way that failed.
    """
    there = len(folder.split("train"))
    steps = min(steps, there // batch_size)
    if not steps:
        raise RecycleNetError(f"the gpu bench needs {batch_size} train photos, not {there}")
    jobs: dict[str, Way] = {
        OURS: partial(held_step, compiled=compiled),
        EAGER: partial(held_step, compiled=False),
        FROM_DISK: own_step,
        PLAIN: plain_loop,
        ALONE: partial(network_alone, compiled=compiled),
    }
    per_photo = time_training(jobs, Work(folder.root, arch, steps, batch_size, device), rounds, on_progress)
    median = {name: float(np.median(seconds)) for name, seconds in per_photo.items()}
    compute = choose_compute(device, "auto", channels_last=True)
    return BenchTable(
        f"training step of {arch} + RecycleNet, batch {batch_size}, {SPEC.img_size} px, a photo",
        "ms",
        "recyclenet's step",
        rounds,
        lines_of(per_photo, OURS, 1000.0),
        (
            Aim("times as fast as the plain loop", median[PLAIN] / median[OURS], _FASTER),
            Aim("of the speed with a ready batch", median[ALONE] / median[OURS], _OF_THE_LIMIT),
        ),
        (
            f"{1 / median[OURS]:.0f} photos a second, {1 / median[PLAIN]:.0f} by the plain loop, "
            f"{1 / median[ALONE]:.0f} with a ready batch; on {_name(device)}, {compute}.",
        ),
        {"photos_per_second": 1 / median[OURS], "plain_photos_per_second": 1 / median[PLAIN]},
    )


def measure_gpu_run(
    data: Path,
    arch: str,
    folder: Path,
    *,
    device: str = "cuda",
    compiled: bool = True,
    settings: tuple[str, ...] = (),
) -> BenchTable:
    """The recipe `paper` from start to end, as a process of its own.

    Args:
        data: a folder of photos, split.
        arch: of the backbone.
        folder: for the run.
        device: on which.
        compiled: whether the step is.
        settings: KEY=VALUE, as `train --set` takes them.

    Raises:
        RecycleNetError: the process failed.
    """
    words = ["train", "--data", str(data), "--arch", arch, "--attn", "recyclenet", "--pretrained", "none"]
    words += ["--recipe", "paper", "--device", device, "--photos", "device", "--workers", str(usable_cores())]
    words += [word for setting in (*_IN_BF16, *settings) for word in ("--set", setting)]
    taken = run_program([*words, *(["--compile"] if compiled else []), "--out", str(folder / "run")])
    return BenchTable(
        f"the recipe paper from photos to a trained {arch} + RecycleNet",
        "s",
        TRAIN,
        1,
        lines_of({TRAIN: np.array([taken.seconds])}, TRAIN, 1.0),
        (Aim("seconds from start to end", taken.seconds, _SECONDS, at_most=True),),
        (f"On {_name(device)}; {taken.output.strip()}", *(f"With {setting}." for setting in settings)),
    )


def _name(device: str) -> str:
    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else device
