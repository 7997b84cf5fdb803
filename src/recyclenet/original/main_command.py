"""The original's `python main.py`: its flags, log and files over this project's training and evaluation."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from recyclenet.config import TrainConfig
from recyclenet.data.folder import PhotoFolder, open_photo_folder
from recyclenet.data.trashnet import PHOTO_FOLDER, SPLIT_LISTS
from recyclenet.entry import run_command
from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.original.options import create_config, flags_for, names_network, parse_options

if TYPE_CHECKING:
    from recyclenet.training.run_folder import RunFolder
    from recyclenet.training.team import Team


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: a user's mistake becomes one line on standard error and exit code 2."""
    run_command(lambda: sys.exit(run(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: Sequence[str]) -> int:
    """Trains or evaluates as the flags say; returns the exit code, 128 + its number after a signal.

    Raises:
        RecycleNetError: a mistake in the flags, the data or a checkpoint.
    """
    options, notes = parse_options(arguments)
    require_extra("train", "main.py")
    from recyclenet.training.join import LAUNCHER
    from recyclenet.training.launch import choose_start, run_together

    if LAUNCHER not in os.environ:  # else said already, before this process was started
        for text in notes:
            _note(f"note: {text}")
    device = choose_device(options.gpu)
    if device == "cuda" and not options.evaluate:
        start = choose_start(options.gpu, None, None)
        if start.processes > 1:
            return run_together(start.processes, ["-c", _PROGRAM, *arguments], start.variables)
    folder = _open_root(options)
    return _evaluate(options, folder, device) if options.evaluate else _train(options, folder, device)


# A process of several that train together.
_PROGRAM = "from recyclenet.original.main_command import main; main()"


def choose_device(gpu: str) -> str:
    """--gpu as a device of this project: "cuda" stands for several, of which each has a process of its own.

    Without any GPU there is a warning, and the CPU, so that the command still works.

    Raises:
        RecycleNetError: not numbers with commas between, or GPUs that are not there.
    """
    import torch

    from recyclenet.training.join import read_place

    if gpu == "cpu":
        return "cpu"
    numbers = gpu.split(",")
    if not all(number.isdecimal() for number in numbers):
        raise RecycleNetError(f"--gpu takes the number of a GPU, several with commas between, or cpu, not {gpu!r}")
    if not torch.cuda.is_available():
        _note(f"warning: no GPU here that torch can use (--gpu {gpu}): this runs on the CPU, much slower (--gpu cpu)")
        return "cpu"
    count = torch.cuda.device_count()
    if len(numbers) > 1 and read_place(os.environ) is not None:  # a process of several, which sees its own GPUs alone
        return "cuda"
    if any(int(number) >= count for number in numbers):
        raise RecycleNetError(f"--gpu {gpu}: this machine has {count} GPUs that torch can use, numbered from 0")
    return f"cuda:{gpu}" if len(numbers) == 1 else "cuda"


def _open_root(options: argparse.Namespace) -> PhotoFolder:
    """The photos with their split, in the original's layout or another that this project knows."""
    folder = open_photo_folder(options.root_dir)
    if not folder.is_split:
        raise RecycleNetError(
            f"{folder.root} has no split: expected {PHOTO_FOLDER}/<class>/ with {', '.join(SPLIT_LISTS.values())} "
            f"(recyclenet data fetch trashnet --out {folder.root} puts them there)"
        )
    if folder.classes != TRASHNET_CLASSES:
        raise RecycleNetError(
            f"{folder.root} has photos of {', '.join(folder.classes)}; main.py is for all of "
            f"{', '.join(TRASHNET_CLASSES)}: for other classes use recyclenet train"
        )
    return folder


def _train(options: argparse.Namespace, folder: PhotoFolder, device: str) -> int:
    from recyclenet.atomic import make_folder
    from recyclenet.lock import lock_folder
    from recyclenet.training.join import joined

    with joined() as team, ExitStack() as held:

        def open_run() -> "tuple[RunFolder, TrainConfig]":
            save_dir = make_folder(options.save_dir)
            held.enter_context(lock_folder(save_dir))
            return _open_run(save_dir, create_config(options, device), options, folder)

        run_folder, config = team.by_lead(open_run)
        return _train_in(run_folder, config, options, folder, team)


def _open_run(
    save_dir: Path, config: TrainConfig, options: argparse.Namespace, folder: PhotoFolder
) -> "tuple[RunFolder, TrainConfig]":
    """The folder of a new run, or of the one to go on with, and its settings."""
    from recyclenet.original.checkpoint import read_original
    from recyclenet.original.run_files import carry_over, continue_run, new_run

    if options.resume is None:
        return new_run(save_dir), config
    checkpoint = read_original(options.resume)
    for text in checkpoint.notes:
        _note(f"note: {text}")
    found = checkpoint.description.model
    if not names_network(options, found):
        raise RecycleNetError(f"{options.resume} holds another network: give {flags_for(found)}")
    # Where the weights first came from, as far as the file tells.
    pretrained = options.resume.name if checkpoint.run is None else checkpoint.run.config.pretrained
    config = replace(config, model=found, pretrained=pretrained)
    run_folder = continue_run(checkpoint, config, folder, save_dir, _note, options.start_epoch)
    carry_over(options.resume, checkpoint, save_dir)
    return run_folder, config


def _train_in(
    run_folder: "RunFolder", config: TrainConfig, options: argparse.Namespace, folder: PhotoFolder, team: "Team"
) -> int:
    from rich.console import Console

    from recyclenet.original.log import OriginalLog
    from recyclenet.original.run_files import BEST, LAST, publish
    from recyclenet.training.loop import train
    from recyclenet.training.progress import TrainProgress

    save_dir = options.save_dir
    log = OriginalLog(options.print_freq, _note, lambda best: publish(run_folder, config, save_dir, best=best))
    result = train(
        config,
        folder,
        run_folder,
        log if team.leads else TrainProgress(Console(quiet=True)),
        resume=options.resume is not None,
        force=True,  # what is another now was said above
        start_epoch=options.start_epoch or 0,
        team=team,
    )
    if not team.leads:
        return 128 + result.stopped_by if result.stopped_by else 0
    if result.stopped_by is not None:
        publish(run_folder, config, save_dir, best=False)
        _note(
            f"stopped after {result.epochs_done} whole epochs; everything is kept. Go on with the same flags and\n"
            f"  --resume {shlex.quote(str(save_dir / LAST))}"
        )
        return 128 + result.stopped_by
    if result.best is not None:
        best = result.best
        files = " and ".join(name for name in (BEST, LAST) if (save_dir / name).is_file())
        _note(
            f"best: epoch {best['epoch']:.0f}, val {best['val_correct']:.0f}/{best['val_total']:.0f} "
            f"({100 * best['val_accuracy']:.1f} %); {files} in {save_dir}, everything else of this run in "
            f"{run_folder.path}"
        )
    return 0


def _evaluate(options: argparse.Namespace, folder: PhotoFolder, device: str) -> int:
    import numpy as np

    from recyclenet.evaluate import evaluate, load_model
    from recyclenet.original.log import logged, say_evaluation

    if device == "cuda":  # several are for training
        device = f"cuda:{options.gpu.split(',')[0]}"
        _note(f"note: evaluating on {device} alone")
    model = load_model(options.resume, device)
    found = model.description.model
    if not names_network(options, found):
        _note(f"note: other flags, but {options.resume} holds {found.arch}, attention {found.attn}: evaluating that")
    classes = model.description.classes
    targets = np.array([classes.index(record.label) for record in folder.split("test") if record.label in classes])
    say_evaluation(evaluate(logged(model, targets, options.print_freq), folder, "test"))
    return 0


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 (plain text beside the log on standard output)
