"""A training that is killed at random moments and goes on each time, as the real command in processes of its own."""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from recyclenet.checkpoint import read_checkpoint
from recyclenet.lock import LOCK_FILE

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_A_LONG_TIME = 600.0


@dataclass(frozen=True)
class Kill:
    """One stop: the signal, the place in the last checkpoint then, and files that were being written."""

    signal: str
    epoch: int | None
    step: int | None
    half_written: int


def start(arguments: Sequence[str], log: Path) -> multiprocessing.Process:
    """`recyclenet …` in a process that need not load torch first: its parent has it already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.preload"])
    process = context.Process(target=_command, args=(list(arguments), str(log)))
    process.start()
    return process


def _command(arguments: list[str], log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    torch.set_num_threads(1)
    sys.argv = ["recyclenet", *arguments]
    from recyclenet.cli import main

    main()


def finish(arguments: Sequence[str], log: Path) -> None:
    """Runs a command to its end. It must succeed."""
    process = start(arguments, log)
    process.join(_A_LONG_TIME)
    assert process.exitcode == 0, log.read_text()[-2000:]


def train_through(
    arguments: Sequence[str], out: Path, kills: int, checkpoints: int, rng: np.random.Generator
) -> list[Kill]:
    """Trains to the end although the process is stopped up to `kills` times; fewer where it ends before.

    Args:
        arguments: of a new run in `out`.
        out: the run's folder.
        kills: stops, by SIGKILL (half of them), SIGTERM and SIGINT.
        checkpoints: that the run writes when nobody stops it, one after each step.
        rng: draws moments and signals. One stop in four comes while the program starts, the others some checkpoints
            later, so that all of them together are spread over the run.
    """
    done: list[Kill] = []
    log = out.with_suffix(".log")
    while len(done) < kills:
        process = start(_again(arguments, out), log)
        ends = {0, 1}  # 1: SIGINT while Python itself starts
        if rng.random() < 0.25:
            process.join(float(rng.uniform(0, 1)))
        else:
            ends = {0}
            for _ in range(1 + rng.integers(2 * checkpoints // kills + 1)):
                _wait_for_checkpoint(process, out)
            process.join(float(rng.uniform(0, 0.3)))
        if process.exitcode is not None:
            break
        number = SIGNALS[rng.integers(len(SIGNALS))]
        os.kill(process.pid, number)
        process.join(_A_LONG_TIME)
        assert process.exitcode in {-number, 128 + number, *ends}, log.read_text()[-2000:]
        done.append(_look(out, number))
    finish(_again(arguments, out), log)
    return done


def _again(arguments: Sequence[str], out: Path) -> list[str]:
    """What a person types: the same command, or where it has begun --resume."""
    return ["train", "--resume", "--out", str(out)] if (out / "config.json").exists() else [*arguments]


def _wait_for_checkpoint(process: multiprocessing.Process, out: Path) -> None:
    last = out / "last.safetensors"
    before = last.stat().st_mtime_ns if last.exists() else None
    while process.exitcode is None and (not last.exists() or last.stat().st_mtime_ns == before):
        process.join(0.005)


def _look(out: Path, number: int) -> Kill:
    there = list(out.iterdir()) if out.is_dir() else []  # a stop can come before there is a folder
    half = len([path for path in there if path.name.startswith(".") and path.name != LOCK_FILE])
    name = signal.Signals(number).name
    if not (out / "last.safetensors").exists():
        return Kill(name, None, None, half)
    state = read_checkpoint(out / "last.safetensors").train_state
    return Kill(name, state.values["epoch"], state.values["step"], half)


def differences(whole: Path, pieces: Path) -> list[str]:
    """What two run folders do not have alike, apart from times: of a stopped run and an unbroken one, nothing."""
    found = []
    for name in ("last.safetensors", "best.safetensors"):
        one, other = read_checkpoint(whole / name), read_checkpoint(pieces / name)
        tensors = [{**item.weights, **(item.train_state.tensors if item.train_state else {})} for item in (one, other)]
        if tensors[0].keys() != tensors[1].keys():
            found.append(f"{name}: other tensors")
            continue
        found += [f"{name}: {key}" for key, value in tensors[0].items() if not torch.equal(value, tensors[1][key])]
        states = [_untimed(item.train_state.values) if item.train_state else None for item in (one, other)]
        if states[0] != states[1]:
            found.append(f"{name}: its place")
    rows = [(folder / "metrics.csv").read_text().splitlines() for folder in (whole, pieces)]
    if [row.rsplit(",", 2)[0] for row in rows[0]] != [row.rsplit(",", 2)[0] for row in rows[1]]:
        found.append("metrics.csv")
    left = {path.name for path in pieces.iterdir()} ^ {path.name for path in whole.iterdir()}
    return [*found, *sorted(left)]


def _untimed(values: dict[str, object]) -> str:
    rows = [*values["history"], *([values["best"]] if values["best"] else [])]
    for table in (values, *rows):
        for key in ("seconds", "elapsed", "features", "images_per_second", "elapsed_s"):
            table.pop(key, None)
    return json.dumps(values, sort_keys=True)
