"""Photos on disk → updates of the weights on a processor: this package's step beside what else one would write."""

from collections.abc import Callable

import numpy as np

from recyclenet.bench.result import Aim, BenchTable, lines_of
from recyclenet.bench.training_ways import (
    SPEC,
    Work,
    network_alone,
    own_step,
    own_step_giving_memory_back,
    own_step_in_bf16_throughout,
    plain_loop,
    time_training,
    timm_blocks,
)
from recyclenet.data.folder import PhotoFolder
from recyclenet.errors import RecycleNetError
from recyclenet.training.device import choose_compute

OURS = "recyclenet's step: photos in reduced size, bfloat16 where the hardware has it, channels last"
PLAIN = "a plain loop: photos in full by 4 workers, float32, channels first"
TIMM = "timm's loader and optimizer, bfloat16 where the hardware has it, channels last"
GIVING_BACK = "recyclenet's step, freed memory given back to the system as usual"
IN_BF16 = "recyclenet's step, every gradient of depthwise convolutions in bfloat16"
ALONE = "the updates of the first line alone, by a ready batch"

_WAYS = {
    OURS: own_step,
    PLAIN: plain_loop,
    TIMM: timm_blocks,
    GIVING_BACK: own_step_giving_memory_back,
    IN_BF16: own_step_in_bf16_throughout,
    ALONE: network_alone,
}
_FASTER = 2.0


def measure_training(
    folder: PhotoFolder,
    arch: str,
    rounds: int,
    *,
    steps: int = 8,
    batch_size: int = 32,
    on_progress: Callable[[int, int], None] | None = None,
) -> BenchTable:
    """Steps of the recipe `paper`, with the RecycleNet attention, on train photos.

    Args:
        folder: split.
        arch: of the backbone.
        rounds: each of `steps` steps; processes that read photos stay from round to round where they stay from
            epoch to epoch, which is everywhere but in the plain loop.
        steps: in a round.
        batch_size: photos a step.
        on_progress: told (rounds done, rounds in all).

    Raises:
        RecycleNetError: not enough photos for a round, or a way that failed.
    """
    photos = steps * batch_size
    if len(folder.split("train")) < photos:
        raise RecycleNetError(f"the training bench needs {photos} train photos, not {len(folder.split('train'))}")
    per_photo = time_training(_WAYS, Work(folder.root, arch, steps, batch_size), rounds, on_progress)
    median = {name: float(np.median(seconds)) for name, seconds in per_photo.items()}
    compute = choose_compute("cpu", "auto", channels_last=True)
    return BenchTable(
        f"training step of {arch} + RecycleNet, batch {batch_size}, {SPEC.img_size} px, a photo",
        "ms",
        "recyclenet's step",
        rounds,
        lines_of(per_photo, OURS, 1000.0),
        (Aim("times as fast as the plain loop", median[PLAIN] / median[OURS], _FASTER),),
        (
            f"{1 / median[OURS]:.1f} photos a second, {1 / median[PLAIN]:.1f} by the plain loop, "
            f"{1 / median[TIMM]:.1f} by timm's parts; on {compute}.",
        ),
        {"photos_per_second": 1 / median[OURS], "plain_photos_per_second": 1 / median[PLAIN]},
    )
