"""recyclenet train."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda, cuda:1, cuda:0,1, …", show_default="auto")
    ] = None,
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
    from recyclenet.config import ModelConfig, TrainConfig
    from recyclenet.recipes import load_recipe, override, parse_assignments

    model = model_changes(arch, attn, attn_at, gates, combine, rd_ratio, kernel_size, arch_arg)
    given: dict[str, Any] = {
        "data": None if data is None else str(data),
        **{f"model.{key}": value for key, value in model.items()},
        "pretrained": pretrained,
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
        "device": device,
        "checkpoint_every": checkpoint_every,
    }
    changes = {key: value for key, value in given.items() if value is not None} | parse_assignments(set_ or ())

    from recyclenet.training.loop import train as run_training
    from recyclenet.training.progress import TrainProgress
    from recyclenet.training.run_folder import RunFolder
    from recyclenet.training.settings import check_settings

    if force and not resume:
        raise RecycleNetError("--force goes with --resume: a new run has nothing that could have changed")
    if resume:
        run = RunFolder(_required(out, "--resume needs --out, the folder of the run to go on with"))
        config = _resumed(run, changes, recipe, force)
    else:
        _required(data, "--data is missing: the folder with your photos, one folder a class")
        config = override(TrainConfig(data="", model=ModelConfig(), recipe=load_recipe(recipe or "best")), changes)
        name = f"{config.model.arch}-{config.model.attn}-{config.recipe.name}-{config.seed}"
        run = RunFolder(out or Path("runs", name))
    check_settings(config)
    with _split_folder(config.data, run) as folder, TrainProgress(Console(stderr=True)) as progress:
        result = run_training(config, folder, run, progress, resume=resume, force=force)
    if result.stopped_by is not None:
        note(
            f"stopped after {result.epochs_done} whole epochs; everything is kept. Go on with:\n"
            f"  recyclenet train --resume --out {shlex.quote(str(run.path))}"
        )
        raise typer.Exit(128 + result.stopped_by)
    if result.best is not None:
        best = result.best
        typer.echo(
            f"best: epoch {best['epoch']:.0f}, val {best['val_correct']:.0f}/{best['val_total']:.0f} "
            f"({100 * best['val_accuracy']:.1f} %), {run.best}; {result.seconds / 60:.1f} minutes in all"
        )


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
def _split_folder(data: str, run: "RunFolder") -> "Iterator[PhotoFolder]":
    """The data folder, split; a run that does not get as far as to begin leaves no new split behind."""
    from recyclenet.data.folder import open_photo_folder, split_photo_folder

    folder = open_photo_folder(data)
    if folder.is_split:
        yield folder
        return
    folder = split_photo_folder(data)
    file = folder.root / "splits.csv"
    note(f"{data} had no split: wrote {file} (70/13/17, seed 1234)")
    try:
        yield folder
    finally:
        if not run.config_file.exists():
            file.unlink(missing_ok=True)


def _required(value: Path | None, message: str) -> Path:
    if value is None:
        raise RecycleNetError(message)
    return value
