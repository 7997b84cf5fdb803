"""The original's `python main.py`: its flags, log and files over this project's training and evaluation."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recyclenet.config import TrainConfig
from recyclenet.data.folder import PhotoFolder, open_photo_folder
from recyclenet.data.trashnet import PHOTO_FOLDER, SPLIT_LISTS
from recyclenet.entry import run_command
from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.original.options import create_config, flags_for, names_network, parse_options


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: a user's mistake becomes one line on standard error and exit code 2."""
    run_command(lambda: sys.exit(run(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: Sequence[str]) -> int:
    """Trains or evaluates as the flags say; returns the exit code, 128 + its number after a signal.

    Raises:
        RecycleNetError: a mistake in the flags, the data or a checkpoint.
    """
    options, notes = parse_options(arguments)
    for text in notes:
        _note(f"note: {text}")
    require_extra("train", "main.py")
    device = choose_device(options.gpu)
    folder = _open_root(options)
    return _evaluate(options, folder, device) if options.evaluate else _train(options, folder, device)


def choose_device(gpu: str) -> str:
    """--gpu as a device of this project; without any GPU a warning and the CPU, so that the command still works.

    Raises:
        RecycleNetError: not numbers with commas between, or GPUs that are not there.
    """
    import torch

    if gpu == "cpu":
        return "cpu"
    numbers = gpu.split(",")
    if not all(number.isdecimal() for number in numbers):
        raise RecycleNetError(f"--gpu takes the number of a GPU, several with commas between, or cpu, not {gpu!r}")
    if not torch.cuda.is_available():
        _note(f"warning: no GPU here that torch can use (--gpu {gpu}): this runs on the CPU, much slower (--gpu cpu)")
        return "cpu"
    count = torch.cuda.device_count()
    if any(int(number) >= count for number in numbers):
        raise RecycleNetError(f"--gpu {gpu}: this machine has {count} GPUs that torch can use, numbered from 0")
    return f"cuda:{gpu}"


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

    config, save_dir = create_config(options, device), make_folder(options.save_dir)
    with lock_folder(save_dir):
        return _train_in(save_dir, config, options, folder)


def _train_in(save_dir: Path, config: TrainConfig, options: argparse.Namespace, folder: PhotoFolder) -> int:
    from recyclenet.original.checkpoint import read_original
    from recyclenet.original.log import OriginalLog
    from recyclenet.original.run_files import BEST, LAST, carry_over, continue_run, new_run, publish
    from recyclenet.training.loop import train

    if options.resume is None:
        run_folder = new_run(save_dir)
    else:
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
    log = OriginalLog(options.print_freq, _note, lambda best: publish(run_folder, config, save_dir, best=best))
    result = train(
        config,
        folder,
        run_folder,
        log,
        resume=options.resume is not None,
        force=True,  # what is another now was said above
        start_epoch=options.start_epoch or 0,
    )
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
