"""A run of this project beside the original's two files, and a run that goes on from such a file."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from recyclenet.atomic import write_bytes
from recyclenet.checkpoint import TrainState, read_checkpoint, save_checkpoint
from recyclenet.config import TrainConfig
from recyclenet.data.folder import PhotoFolder
from recyclenet.errors import RecycleNetError
from recyclenet.original.checkpoint import OriginalCheckpoint, RunState, read_original, write_original
from recyclenet.original.layout import parameter_numbers
from recyclenet.recipes import differences
from recyclenet.training.place import KEEPS_EPOCH
from recyclenet.training.run_folder import RunFolder

LAST, BEST = "checkpoint.pth.tar", "model_best.pth.tar"

_WITHIN_EPOCH = ("step", "loss_sum", "correct", "seen", "seconds")


def new_run(save_dir: Path) -> RunFolder:
    """The first free one of run, run-2, …: what is there is never written over."""
    number = 1
    while (folder := _run_folder(save_dir, number)).path.exists():
        number += 1
    return folder


def publish(run: RunFolder, config: TrainConfig, save_dir: Path, *, best: bool) -> None:
    """Writes the run's last checkpoint in the original's format, and once more under the best one's name.

    Raises:
        RecycleNetError: a file cannot be written.
    """
    last = read_checkpoint(run.last)
    if last.train_state is None:
        raise RecycleNetError(f"{run.last} has no training state")
    values, row = last.train_state.values, last.train_state.values["best"]
    numbers = parameter_numbers(config.model)
    buffers = {name: last.train_state.tensors.get(_buffer(number)) for name, number in numbers.items()}
    checkpoint = OriginalCheckpoint(
        last.description,
        last.weights,
        epoch=values["epoch"],
        best_acc1=None if row is None else 100 * row["val_accuracy"],
        momentum={name: buffer for name, buffer in buffers.items() if buffer is not None},
        run=RunState(config, values),
    )
    write_original(save_dir / LAST, checkpoint, config.recipe)
    if best:
        write_bytes(save_dir / BEST, (save_dir / LAST).read_bytes())


def continue_run(
    checkpoint: OriginalCheckpoint,
    config: TrainConfig,
    folder: PhotoFolder,
    save_dir: Path,
    note: Callable[[str], None],
    start_epoch: int | None = None,
) -> RunFolder:
    """Makes a run folder from which training goes on where a file of the original's format was written.

    Args:
        checkpoint: the file.
        config: settings from here on.
        folder: the photos.
        save_dir: holds the run folders; the newest is gone on with if it stands exactly where the file does.
        note: told what is not as it was.
        start_epoch: how many epochs count as finished, whatever the file says.

    Raises:
        RecycleNetError: a folder or file cannot be read or written.
    """
    tensors = {
        _buffer(number): checkpoint.momentum[name]
        for name, number in parameter_numbers(config.model).items()
        if name in checkpoint.momentum
    }
    data = {"name": folder.root.resolve().name, "fingerprint": folder.fingerprint()}
    if checkpoint.run is not None:
        values = dict(checkpoint.run.values)
        changed = [line for line in differences(checkpoint.run.config, config) if not line.startswith(KEEPS_EPOCH)]
        if checkpoint.description.data.get("fingerprint") != data["fingerprint"]:
            changed.append("other photos or another split of them")
        if changed:
            note(f"this run goes on, but not as it was started: {'; '.join(changed)}")
        newest = _newest_run(save_dir)
        if not changed and start_epoch is None and newest is not None and _stands_at(newest, values):
            newest.write_config(config)
            return newest
        if changed or start_epoch is not None:
            values = {key: value for key, value in values.items() if key not in _WITHIN_EPOCH}
    else:
        values = {"epoch": checkpoint.epoch, "best": _best_row(checkpoint, len(folder.split("val")))}
        note(
            "this file was not written by this program: it has weights, epoch and best accuracy"
            f"{', and the momentum of SGD' if tensors else '; no momentum that fits, so it starts at zero'}. It has "
            "no random states and no history: the photos come in a new order from here, the same for the same --seed"
        )
    if start_epoch is not None:
        values["epoch"] = start_epoch
    run = new_run(save_dir)
    run.create(config, folder)
    description = replace(checkpoint.description, data=data)
    save_checkpoint(run.last, checkpoint.weights, description, TrainState(tensors, values))
    return run


def carry_over(source: Path, checkpoint: OriginalCheckpoint, save_dir: Path) -> None:
    """Puts the two files of the run so far into save_dir, for a resume after which no epoch might be better.

    The best is the model_best.pth.tar beside `source` where it is of the same run, else `source` itself. In the folder
    of `source` nothing that is there is written over.

    Args:
        source: the file that training goes on from.
        checkpoint: what it holds.
        save_dir: where the run's files go from here on.

    Raises:
        RecycleNetError: a file cannot be written.
    """
    is_own = source.parent.resolve() == save_dir.resolve()
    for name, held_by in ((BEST, _best_file(source, checkpoint)), (LAST, source)):
        if not (is_own and (save_dir / name).is_file()):
            write_bytes(save_dir / name, held_by.read_bytes())


def _best_file(source: Path, checkpoint: OriginalCheckpoint) -> Path:
    beside = source.parent / BEST
    best = None if checkpoint.run is None else checkpoint.run.values.get("best")
    if best is not None and best["epoch"] == checkpoint.epoch:
        return source
    try:
        found = read_original(beside)
    except RecycleNetError:  # none, or damaged
        return source
    same = (found.description.model, found.best_acc1) == (checkpoint.description.model, checkpoint.best_acc1)
    return beside if same else source


def _run_folder(save_dir: Path, number: int) -> RunFolder:
    return RunFolder(save_dir / ("run" if number == 1 else f"run-{number}"))


def _newest_run(save_dir: Path) -> RunFolder | None:
    number = 0
    while _run_folder(save_dir, number + 1).path.exists():
        number += 1
    return _run_folder(save_dir, number) if number else None


def _stands_at(run: RunFolder, values: dict[str, Any]) -> bool:
    if not run.last.exists():
        return False
    state = read_checkpoint(run.last).train_state
    # As text, in which an unknown loss (NaN) equals itself.
    return state is not None and json.dumps(state.values, sort_keys=True) == json.dumps(values, sort_keys=True)


def _best_row(checkpoint: OriginalCheckpoint, photos: int) -> dict[str, float] | None:
    """The best epoch as far as its accuracy tells; with a loss of NaN an equally good epoch does not replace it."""
    if checkpoint.best_acc1 is None:
        return None
    accuracy = min(checkpoint.best_acc1 / 100, 1.0)
    return {
        "epoch": checkpoint.epoch,
        "val_accuracy": accuracy,
        "val_correct": round(accuracy * photos),
        "val_total": photos,
        "val_loss": float("nan"),
    }


def _buffer(number: int) -> str:
    """The name of SGD's memory for a parameter in `TrainState.tensors`."""
    return f"optimizer.{number}.momentum_buffer"
