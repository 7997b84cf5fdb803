"""recyclenet train."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console

from recyclenet.cli.console import note
from recyclenet.cli.model_options import (
    Arch,
    ArchArg,
    Attn,
    AttnAt,
    Combine,
    Gates,
    KernelSize,
    RdRatio,
    model_changes,
    three_numbers,
)
from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra

if TYPE_CHECKING:
    from recyclenet.config import TrainConfig
    from recyclenet.data.folder import PhotoFolder
    from recyclenet.training.run_folder import RunFolder
    from recyclenet.training.team import Team

T = TypeVar("T")


def train(
    data: Annotated[
        Path | None, typer.Option(help="Class folders, train/val/test folders, or a folder with splits.csv.")
    ] = None,
    arch: Arch = None,
    attn: Attn = None,
    attn_at: AttnAt = None,
    gates: Gates = None,
    combine: Combine = None,
    rd_ratio: RdRatio = None,
    kernel_size: KernelSize = None,
    arch_arg: ArchArg = None,
    pretrained: Annotated[
        str | None, typer.Option(help="imagenet (from the hub), none, or a file of weights.", show_default="imagenet")
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            help="A trained model to start from, on to new photos, views or classes: .safetensors, or bundled."
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            help="A trained model of the same classes, of any network, whose answers are learnt beside the labels, by "
            "the share recipe.distill; the mean of several where it is repeated."
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="paper, fast, best, or a TOML file of your own.", show_default="best")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder.", show_default="runs/ARCH-ATTN-RECIPE-SEED")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Overrides the recipe.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Overrides the recipe.")] = None,
    lr: Annotated[float | None, typer.Option(help="Overrides the recipe.")] = None,
    img_size: Annotated[
        int | None, typer.Option(help="Side of the model's input in pixels; overrides the recipe.")
    ] = None,
    resize: Annotated[
        int | None, typer.Option(help="Shorter side before the centre crop; overrides the recipe.")
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="Input mean, one number or three; by default what ARCH expects.")
    ] = None,
    std: Annotated[str | None, typer.Option(help="Input standard deviation, likewise.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any other setting, e.g. recipe.mixup=0. May be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same run.", show_default="1234")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that decode photos.", show_default="2")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, …", show_default="auto")] = None,
    photos: Annotated[
        str | None,
        typer.Option(
            help="Where augmented views are made: disk, of files by --workers, or device, whose memory then holds all "
            "train photos.",
            show_default="disk",
        ),
    ] = None,
    compile_: Annotated[
        bool | None,
        typer.Option("--compile/--no-compile", help="Compile the step: slow to start, for GPUs.", show_default="no"),
    ] = None,
    gpus: Annotated[str | None, typer.Option(help="Train on several GPUs of this machine, as in 0,1.")] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Train in several processes on this machine, each with a GPU of its own where --device says cuda or "
            "there are any, else on the CPU.",
        ),
    ] = None,
    scale_lr: Annotated[
        bool, typer.Option("--scale-lr", help="Learn faster by as much as --batch-size is greater than the recipe's.")
    ] = False,
    checkpoint_every: Annotated[
        float | None,
        typer.Option(
            help="Seconds between two checkpoints within an epoch (each epoch ends with one); 0: after every step.",
            show_default="300",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --resume: go on though settings, photos or classes changed.")
    ] = False,
) -> None:
    """Train a classifier on folders of photos, one folder a class."""
    require_extra("train", "training")
    from recyclenet.recipes import parse_assignments
    from recyclenet.training.launch import choose_start, run_together

    start = choose_start(gpus, processes, device)
    if start.processes > 1:
        raise typer.Exit(run_together(start.processes, ["-m", "recyclenet", *sys.argv[1:]], start.variables))

    model = model_changes(arch, attn, attn_at, gates, combine, rd_ratio, kernel_size, arch_arg)
    given: dict[str, Any] = {
        "data": None if data is None else str(data),
        **{f"model.{key}": value for key, value in model.items()},
        "pretrained": pretrained,
        "init": None if init is None else str(init),
        "teachers": None if teacher is None else [str(path) for path in teacher],
        "recipe.epochs": epochs,
        "recipe.batch_size": batch_size,
        "recipe.lr": lr,
        "recipe.img_size": img_size,
        "recipe.resize": resize if resize is not None or img_size is None else round(img_size / 0.875),
        "recipe.train_size": None if img_size is None else 0,  # chosen for the recipe's own size
        "mean": three_numbers(mean, "mean"),
        "std": three_numbers(std, "std"),
        "seed": seed,
        "workers": workers,
        "device": start.device,
        "photos": photos,
        "compile": compile_,
        "checkpoint_every": checkpoint_every,
    }
    changes = {key: value for key, value in given.items() if value is not None} | parse_assignments(set_ or ())

    from recyclenet.training.join import joined
    from recyclenet.training.loop import train as run_training
    from recyclenet.training.progress import TrainProgress

    with joined() as team:
        run, config = team.by_lead(lambda: _settle(out, changes, init, recipe, scale_lr, resume, force))
        with (
            _split_folder(config.data, run, team) as folder,
            TrainProgress(Console(stderr=True, quiet=not team.leads)) as progress,
        ):
            result = run_training(config, folder, run, progress, resume=resume, force=force, team=team)
    if result.stopped_by is not None:
        if team.leads:
            note(
                f"stopped after {result.epochs_done} whole epochs; everything is kept. Go on with:\n"
                f"  recyclenet train --resume --out {shlex.quote(str(run.path))}"
            )
        raise typer.Exit(128 + result.stopped_by)
    if result.best is not None and team.leads:
        best = result.best
        typer.echo(
            f"best: epoch {best['epoch']:.0f}, val {best['val_correct']:.0f}/{best['val_total']:.0f} "
            f"({100 * best['val_accuracy']:.1f} %), {run.best}; {result.seconds / 60:.1f} minutes in all"
        )


def _settle(
    out: Path | None,
    changes: dict[str, Any],
    init: Path | None,
    recipe: str | None,
    scale_lr: bool,
    resume: bool,
    force: bool,
) -> "tuple[RunFolder, TrainConfig]":
    """Where the run is, and what it is."""
    from recyclenet.recipes import override
    from recyclenet.training.run_folder import RunFolder
    from recyclenet.training.settings import check_settings

    if force and not resume:
        raise RecycleNetError("--force goes with --resume: a new run has nothing that could have changed")
    if scale_lr and resume:
        raise RecycleNetError("--scale-lr is for a new run: with --resume say --lr")
    if resume:
        run = RunFolder(_required(out, "--resume needs --out, the folder of the run to go on with"))
        config = _resumed(run, changes, recipe, force)
    else:
        _required(changes.get("data"), "--data is missing: the folder with your photos, one folder a class")
        fresh = _base(init, recipe)
        config = override(fresh, changes)
        if scale_lr:  # https://arxiv.org/abs/1706.02677
            lr = config.recipe.lr * config.recipe.batch_size / fresh.recipe.batch_size
            config = override(config, {"recipe.lr": lr})
        name = f"{config.model.arch}-{config.model.attn}-{config.recipe.name}-{config.seed}"
        run = RunFolder(out or Path("runs", name))
    check_settings(config)
    return run, config


def _base(init: Path | None, recipe: str | None) -> "TrainConfig":
    """The settings before any flag: a trained model brings its network and how it sees photos."""
    from recyclenet.config import ModelConfig, TrainConfig
    from recyclenet.recipes import load_recipe

    config = TrainConfig(data="", model=ModelConfig(), recipe=load_recipe(recipe or "best"))
    if init is None:
        return config
    from recyclenet.checkpoint import read_checkpoint

    known = read_checkpoint(init).description
    return replace(config, model=known.model, mean=known.preprocess.mean, std=known.preprocess.std)


def _resumed(run: "RunFolder", changes: dict[str, Any], recipe: str | None, force: bool) -> "TrainConfig":
    from recyclenet.recipes import load_recipe, override

    saved = run.read_config()
    if recipe is not None and recipe != saved.recipe.name:
        saved = replace(saved, recipe=load_recipe(recipe))
    config = override(saved, changes)
    changed = run.changed_settings(config)
    if changed and not force:
        raise RecycleNetError(
            f"{run.path} was started with other settings ({'; '.join(changed)}): start a new run instead, or go on "
            "all the same with --force"
        )
    return config


@contextmanager
def _split_folder(data: str, run: "RunFolder", team: "Team") -> "Iterator[PhotoFolder]":
    """The data folder, split; a run that does not get as far as to begin leaves no new split behind."""
    folder, new_split = team.by_lead(lambda: _opened(data))
    try:
        yield folder
    finally:
        if new_split is not None and team.leads and not run.config_file.exists():
            new_split.unlink(missing_ok=True)


def _opened(data: str) -> "tuple[PhotoFolder, Path | None]":
    """The folder, and the split that was written for it if it had none."""
    from recyclenet.data.folder import open_photo_folder, split_photo_folder

    folder = open_photo_folder(data)
    if folder.is_split:
        return folder, None
    folder = split_photo_folder(data)
    file = folder.root / "splits.csv"
    note(f"{data} had no split: wrote {file} (70/13/17, seed 1234)")
    return folder, file


def _required(value: T | None, message: str) -> T:
    if value is None:
        raise RecycleNetError(message)
    return value
