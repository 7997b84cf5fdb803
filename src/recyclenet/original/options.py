"""The original's flags, with its defaults, as settings of this project."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from recyclenet.config import ModelConfig, TrainConfig
from recyclenet.errors import RecycleNetError
from recyclenet.recipes import load_recipe, override

ARCHS = {f"resnet{depth}_base": f"resnet{depth}" for depth in (18, 34, 50, 101, 152)}

# SE and CBAM where their papers put them and the published parameter counts say: in every residual block.
ATTENTION: dict[str, dict[str, str]] = {
    "ours": {"attn": "recyclenet", "attn_at": "final"},
    "cbam": {"attn": "cbam", "attn_at": "blocks"},
    "se": {"attn": "se", "attn_at": "blocks"},
}


class Parser(argparse.ArgumentParser):
    """A parser whose `prog` is a script's name, and whose errors are a RecycleNetError: one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse for a mistake in the flags."""
        raise RecycleNetError(f"{message} (python {self.prog} --help lists the flags)")


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the defaults that say something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False) else super()._get_help_string(action)


def parse_options(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The flags by their names, and notes on those that are not taken by the letter.

    Raises:
        RecycleNetError: an unknown flag or value, or none where one is needed.
    """
    options = _parser().parse_args(arguments)
    notes = []
    if options.arch == "resnet52_base":
        options.arch = "resnet50_base"
        notes.append("there is no ResNet52: taking --arch resnet50_base")
    if options.arch not in ARCHS:
        raise RecycleNetError(f"--arch must be one of {', '.join(ARCHS)}, not {options.arch}")
    if options.att_mode is not None and not options.use_att:
        notes.append(f"--att_mode {options.att_mode} does nothing without --use_att")
    if options.no_pretrain and options.pretrained not in (None, "none"):
        raise RecycleNetError(f"--no_pretrain and --pretrained {options.pretrained} contradict each other")
    if options.evaluate and options.resume is None:
        raise RecycleNetError("--evaluate needs a model: --resume save/model_best.pth.tar")
    if options.print_freq < 1:
        raise RecycleNetError(f"--print-freq must be 1 or more, not {options.print_freq}")
    if options.start_epoch is not None and options.start_epoch < 0:
        raise RecycleNetError(f"--start-epoch must be 0 or more, not {options.start_epoch}")
    return options, notes


def create_config(options: argparse.Namespace, device: str) -> TrainConfig:
    """What is trained: the original's recipe with the given flags in it.

    Raises:
        RecycleNetError: a value out of range.
    """
    config = TrainConfig(
        data=str(options.root_dir),
        model=create_model_config(options),
        recipe=load_recipe("paper"),
        pretrained="none" if options.no_pretrain else options.pretrained or "imagenet",
        seed=options.seed,
        workers=options.workers,
        device=device,
    )
    changes = {
        "epochs": options.epochs,
        "batch_size": options.batch,
        "lr": options.lr,
        "momentum": options.momentum,
        "weight_decay": options.weight_decay,
        "step_epochs": options.adjust_freq,
    }
    return override(config, {f"recipe.{key}": value for key, value in changes.items()})


def create_model_config(options: argparse.Namespace) -> ModelConfig:
    """The network that the flags name."""
    attention = ATTENTION[options.att_mode or "ours"] if options.use_att else {}
    return override(ModelConfig(arch=ARCHS[options.arch]), attention)


def names_network(options: argparse.Namespace, found: ModelConfig) -> bool:
    """Whether the flags name the network that a checkpoint holds; the spatial gate alone has no flag of its own."""
    named = create_model_config(options)
    return replace(found, gates=named.gates, drop_rate=named.drop_rate) == named


def flags_for(found: ModelConfig) -> str:
    """The flags that name a network of the original's format."""
    modes = [mode for mode, settings in ATTENTION.items() if settings["attn"] == found.attn]
    return f"--arch {found.arch}_base {f'--use_att --att_mode {modes[0]}' if modes else 'without --use_att'}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="main.py",
        description="Train RecycleNet on TrashNet as the original did, or evaluate on its test split.",
        formatter_class=_Help,
    )
    add = parser.add_argument
    add("--gpu", required=True, help="0; several as 0,1; or cpu")
    add("--root_dir", type=Path, default=Path("data"), help="holds dataset-resized/<class>/ and the three split lists")
    add("--save_dir", type=Path, default=Path("save"), help="gets checkpoint.pth.tar, model_best.pth.tar, run/")
    add("--arch", default="resnet18_base", help=", ".join(ARCHS))
    add("--use_att", action="store_true", help="build the network with attention")
    add("--att_mode", choices=[*ATTENTION], help="which attention; ours if not given")
    add("--no_pretrain", action="store_true", help="train from scratch")
    add("--pretrained", metavar="FILE", help="ImageNet weights in a file instead of from the hub (not the original's)")
    add("--resume", type=Path, metavar="FILE", help="go on from this checkpoint, or evaluate it")
    add("-e", "--evaluate", action="store_true", help="evaluate on the test split instead of training")
    add("--b", "--batch", dest="batch", type=int, default=16, metavar="N", help="photos in a batch")
    add("--lr", type=float, default=2e-4, help="learning rate")
    add("--momentum", type=float, default=0.9, help="of SGD")
    add("--weight-decay", "--wd", type=float, default=1e-4, metavar="W", help="of SGD")
    add("--epochs", type=int, default=100, metavar="N", help="in all, those before a resume included")
    add("--start-epoch", type=int, metavar="N", help="number of the first epoch; that of the checkpoint, or 0")
    add("--adjust-freq", type=int, default=40, metavar="N", help="epochs until the learning rate falls to a tenth")
    add("-p", "--print-freq", type=int, default=10, metavar="N", help="steps between two lines")
    add("-j", "--workers", type=int, default=4, metavar="N", help="processes that decode photos")
    add("--seed", type=int, default=1234, help="same seed, same run")
    return parser
