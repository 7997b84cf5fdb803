"""From nothing to the first answer: whole processes, timed in turn."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from recyclenet.bench.in_turn import time_in_turn
from recyclenet.bench.original_way import create_network
from recyclenet.bench.processes import run_process
from recyclenet.bench.result import Aim, BenchTable, lines_of

OURS = "recyclenet predict PHOTO"
HELP = "recyclenet --help"
BARE = "python -c pass"
ORIGINAL = "the original's way: torch, torchvision, a checkpoint, one photo"

_FASTER = 10.0
_SECONDS = 0.6
_HELP_SECONDS = 0.2


def measure_starting(
    photo: Path, folder: Path, rounds: int, *, warm_ups: int = 1, on_progress: Callable[[int, int], None] | None = None
) -> BenchTable:
    """Processes from their start to their end, with files that the system has read before.

    Args:
        photo: to answer.
        folder: for the checkpoint that the original's way reads.
        rounds: of each process.
        warm_ups: rounds before these, that do not count.
        on_progress: told (rounds done, rounds in all).

    Raises:
        RecycleNetError: one of the processes failed.
    """
    checkpoint = folder / "network.pth"
    torch.save(create_network().state_dict(), checkpoint)
    python = [sys.executable, "-m"]
    commands = {
        OURS: [*python, "recyclenet", "predict", str(photo), "--json"],
        ORIGINAL: [*python, "recyclenet.bench.original_way", str(checkpoint), str(photo)],
        HELP: [*python, "recyclenet", "--help"],
        BARE: [sys.executable, "-c", "pass"],
    }
    ways = {
        name: lambda command=command: run_process(command, " ".join(command[2:5])) for name, command in commands.items()
    }
    # Its own clock: the one here would count the process in between, too.
    taken = time_in_turn(
        ways, rounds, warm_ups=warm_ups, seconds_of=lambda process: process.seconds, on_progress=on_progress
    )
    median = {way: float(np.median(seconds)) for way, seconds in taken.items()}
    aims = (
        Aim("times as fast to the first answer as the original's way", median[ORIGINAL] / median[OURS], _FASTER),
        Aim("seconds to the first answer", median[OURS], _SECONDS, at_most=True),
        Aim("seconds for --help", median[HELP], _HELP_SECONDS, at_most=True),
    )
    return BenchTable(
        "a process from start to end", "s", "recyclenet predict", rounds, lines_of(taken, OURS, 1.0), aims
    )
