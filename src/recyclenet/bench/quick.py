"""The quick path: from photos on disk to an exported model, by the recipe `fast`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recyclenet.bench.processes import Taken, run_program
from recyclenet.bench.result import Aim, BenchTable, lines_of
from recyclenet.errors import RecycleNetError
from recyclenet.machine import usable_cores

TRAIN = "recyclenet train --recipe fast"
EXPORT = "recyclenet export"
BOTH = "both"

# As timm's mobilenetv2_100.tf2_in1k was trained.
_NETWORK = ("--arch", "mobilenetv2_100", "--arch-arg", "pad_type=same", "--attn", "recyclenet")
_INPUT = ("--mean", "0.5", "--std", "0.5")

_SECONDS = 180.0
_ACCURACY = 0.86


def measure_quick(
    data: Path,
    pretrained: Path,
    folder: Path,
    *,
    test: bool,
    settings: tuple[str, ...] = (),
    on_progress: Callable[[str, int, int], None] | None = None,
) -> BenchTable:
    """Trains and exports once, as processes of their own, and counts what the exported model gets right.

    Args:
        data: a folder of photos, split.
        pretrained: weights of timm's mobilenetv2_100.tf2_in1k.
        folder: for the run and the model.
        test: whether to count on test, too: once, when nothing is chosen any more.
        settings: KEY=VALUE, as `train --set` takes them; to compare on val.
        on_progress: told (what is being done, steps done, steps in all).

    Raises:
        RecycleNetError: no such file, or one of the processes failed.
    """
    if not pretrained.is_file():
        raise RecycleNetError(f"no file of weights at {pretrained}; expected timm's mobilenetv2_100.tf2_in1k")
    run, model = folder / "run", folder / "model.onnx"
    changes = [word for setting in settings for word in ("--set", setting)]
    commands = {
        TRAIN: ["train", "--data", str(data), *_NETWORK, *_INPUT, "--pretrained", str(pretrained), "--recipe", "fast",
                "--workers", str(usable_cores()), *changes, "--out", str(run)],
        EXPORT: ["export", str(run / "best.safetensors"), "-o", str(model)],
    }  # fmt: skip
    splits = ("val", "test") if test else ("val",)
    taken: dict[str, Taken] = {}
    for place, (name, command) in enumerate(commands.items()):
        if on_progress is not None:
            on_progress(name, place, len(commands) + len(splits))
        taken[name] = run_program(command)
    counts = {}
    for place, split in enumerate(splits, start=len(commands)):
        if on_progress is not None:
            on_progress(f"counting on {split}", place, len(commands) + len(splits))
        told = run_program(["evaluate", str(model), "--data", str(data), "--split", split, "--json"]).output
        counts[split] = {name: int(json.loads(told)[name]) for name in ("correct", "total")}
    seconds = {name: np.array([one.seconds]) for name, one in taken.items()}
    seconds[BOTH] = seconds[TRAIN] + seconds[EXPORT]
    cpu = sum(one.cpu_seconds for one in taken.values())
    judged = splits[-1]
    accuracy = counts[judged]["correct"] / counts[judged]["total"]
    return BenchTable(
        "from photos to an exported model",
        "s",
        BOTH,
        1,
        lines_of(seconds, BOTH, 1.0),
        (
            Aim("seconds for both", float(seconds[BOTH][0]), _SECONDS, at_most=True),
            Aim(f"of {judged} right", accuracy, _ACCURACY),
        ),
        (
            f"{cpu:.0f} seconds of processor time on {usable_cores()} cores.",
            *(f"{split}: {count['correct']} of {count['total']}." for split, count in counts.items()),
            *(f"With {setting}." for setting in settings),
        ),
        {
            "cpu_seconds": cpu,
            **{f"{split}_{name}": value for split, of in counts.items() for name, value in of.items()},
        },
    )
