"""What a run's checkpoint says of itself."""

from collections.abc import Mapping
from pathlib import Path

import recyclenet
from recyclenet.config import TrainConfig
from recyclenet.description import ModelDescription
from recyclenet.preprocess import PreprocessSpec
from recyclenet.training.run_folder import Row

_FIGURES = ("val_accuracy", "val_correct", "val_total", "val_loss")


def describe_model(
    config: TrainConfig,
    classes: tuple[str, ...],
    spec: PreprocessSpec,
    data: Mapping[str, str],
    row: Row | None,
    left_out: int,
) -> ModelDescription:
    """The description of a run's network.

    Args:
        config: the run's.
        classes: in the order of the logits.
        spec: the evaluation view.
        data: name and fingerprint of the photo folder.
        row: the figures of the last finished epoch; None before there are any.
        left_out: photos that could not be read.
    """
    recipe = config.recipe
    return ModelDescription(
        model=config.model,
        classes=classes,
        preprocess=spec,
        metrics={name: row[name] for name in _FIGURES} if row else {},
        data=dict(data),
        training={
            "recipe": recipe.name,
            "epoch": int(row["epoch"]) if row else 0,
            "epochs": recipe.epochs,
            "seed": config.seed,
            **({"shots": recipe.shots} if recipe.shots else {}),
            "pretrained": Path(config.pretrained).name,
            **({"init": Path(config.init).name} if config.init else {}),
            **({"teachers": name_files(config.teachers)} if config.teachers else {}),
            **({"left_out": left_out} if left_out else {}),
        },
        version=recyclenet.__version__,
    )


def name_files(paths: tuple[str, ...]) -> str:
    """Files as a model says them: with their folder, for runs call theirs alike."""
    return ", ".join("/".join(Path(path).parts[-2:]) for path in paths)
