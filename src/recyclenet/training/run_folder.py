"""The files of one run: configuration, environment, metrics, checkpoints, curves."""

import csv
import io
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

import recyclenet
from recyclenet.atomic import make_folder, replace_file, write_text
from recyclenet.config import TrainConfig
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.inventory import write_inventory
from recyclenet.errors import RecycleNetError
from recyclenet.json_file import read_json
from recyclenet.machine import commit, describe
from recyclenet.recipes import differences
from recyclenet.strict import from_dict

Row = dict[str, int | float]  # a figure by its name; counts stay whole numbers


# Where a run is computed and what it reads may move; everything else would make it another run.
_MAY_CHANGE = ("data", "workers", "device", "photos", "compile", "checkpoint_every", "max_unreadable")


class RunFolder:
    """Paths and writers for one run's folder; every file is whole at any time."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.environment_file = self.path / "environment.json"
        self.start = self.path / "start.safetensors"
        self.best = self.path / "best.safetensors"
        self.last = self.path / "last.safetensors"
        self.before_last = self.path / "last-1.safetensors"
        self.refused = self.path / "last-refused.safetensors"
        self.inventory = self.path / "photos.csv"
        self.features = self.path / "features"
        self.tensorboard = self.path / "tensorboard"

    def create(self, config: TrainConfig, photos: PhotoFolder) -> None:
        """Makes the folder and writes environment, list of photos and, last, the configuration that makes it a run.

        Raises:
            RecycleNetError: it cannot be written, or already holds a run.
        """
        self.check_new()
        make_folder(self.path)
        write_text(self.environment_file, json.dumps(environment(), indent=2) + "\n")
        write_inventory(self.inventory, photos)
        self.write_config(config)

    def write_config(self, config: TrainConfig) -> None:
        """The configuration alone, for a run that goes on with other settings."""
        write_text(self.config_file, json.dumps(asdict(config), indent=2) + "\n")

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a file to go on from."""
        return self.last.exists() or self.before_last.exists()

    def go_back(self) -> None:
        """Makes the checkpoint before the last one the last; the one that cannot be used gets another name."""
        if self.last.exists():
            self.last.replace(self.refused)
        self.before_last.replace(self.last)

    def check_new(self) -> None:
        """Raises RecycleNetError if the folder already holds a run."""
        if self.config_file.exists():
            raise RecycleNetError(
                f"{self.path} already holds a run: go on with --resume, or choose another folder with --out"
            )

    def read_config(self) -> TrainConfig:
        """The configuration that the run was started with.

        Raises:
            RecycleNetError: there is no run here, or its configuration is damaged.
        """
        try:
            table = read_json(self.config_file)
        except FileNotFoundError as error:
            raise RecycleNetError(f"no run to resume in {self.path}: {self.config_file.name} is missing") from error
        return from_dict(TrainConfig, table, str(self.config_file))

    def read_environment(self) -> dict[str, Any]:
        """What the run was started on; empty where that is not known."""
        try:
            table = read_json(self.environment_file)
        except (FileNotFoundError, RecycleNetError):
            return {}
        return table if isinstance(table, dict) else {}

    def changed_settings(self, config: TrainConfig) -> list[str]:
        """Settings in which a configuration would make another run of the one that is here, as in "seed: 1 → 2".

        Raises:
            RecycleNetError: as `read_config`.
        """
        return changed_settings(self.read_config(), config)

    def write_history(self, history: list[Row]) -> None:
        """metrics.csv, a row an epoch, and curves.png."""
        if not history:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_text(self.path / "metrics.csv", text.getvalue())
        with replace_file(self.path / "curves.png") as temporary:
            _draw_curves(history, temporary)


def changed_settings(before: TrainConfig, after: TrainConfig) -> list[str]:
    """Settings in which two configurations would make different runs, as in "seed: 1 → 2"."""
    return differences(before, replace(after, **{key: getattr(before, key) for key in _MAY_CHANGE}))


def environment() -> dict[str, Any]:
    """What the run ran on: versions, processor, command."""
    import timm

    program = Path(sys.argv[0]).name
    return {
        "recyclenet": recyclenet.__version__,
        "commit": commit(),
        "torch": torch.__version__,
        "timm": timm.__version__,
        **describe(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "command": ["recyclenet" if program == "__main__.py" else program, *sys.argv[1:]],
    }


def _draw_curves(history: list[Row], path: Path) -> None:
    from matplotlib.figure import Figure  # no pyplot: no global state, no display

    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    loss_axes.plot(epochs, [row["train_loss"] for row in history], label="train")
    loss_axes.plot(epochs, [row["val_loss"] for row in history], label="val")
    loss_axes.set(xlabel="epoch", ylabel="loss")
    accuracy_axes.plot(epochs, [row["train_accuracy"] for row in history], label="train (augmented)")
    accuracy_axes.plot(epochs, [row["val_accuracy"] for row in history], label="val")
    accuracy_axes.set(xlabel="epoch", ylabel="accuracy")
    for axes in (loss_axes, accuracy_axes):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)
