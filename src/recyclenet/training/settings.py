"""Whether a run can be started as configured: found out in a moment, before anything is written."""

import torch

from recyclenet.config import Recipe, TrainConfig
from recyclenet.data.draws import DRAWN_KINDS
from recyclenet.data.folder import PhotoFolder
from recyclenet.errors import RecycleNetError
from recyclenet.models.factory import create_classifier, pretrained_statistics
from recyclenet.models.stages import check_split, split_backbone
from recyclenet.preprocess import PreprocessSpec
from recyclenet.training.team import Team
from recyclenet.training.update import least_part


def check_settings(config: TrainConfig) -> None:
    """Finds out, in a moment and without touching the data, whether a run can be started as configured.

    Raises:
        RecycleNetError: an unknown architecture, preprocessing that is not known, or settings that
            contradict each other.
    """
    with torch.device("meta"):  # shapes without memory
        create_classifier(config.model, 2)
    create_spec(config)
    recipe = config.recipe
    if recipe.keep and config.pretrained == "none":
        raise RecycleNetError(
            f"the recipe {recipe.name!r} keeps to the pretrained network's answers, so it needs pretrained weights: "
            "--pretrained imagenet or a file, or --set recipe.keep=0"
        )
    if recipe.keep and config.model.attn_in_blocks:
        raise RecycleNetError(
            f"the recipe {recipe.name!r} keeps to the pretrained network's answers, which attention inside its blocks "
            "changes from the start: use --attn-at final, or --set recipe.keep=0"
        )
    if config.teachers and recipe.caches_features:
        raise RecycleNetError(
            f"the recipe {recipe.name!r} trains on features that are computed once, and teachers look at photos: "
            "--set recipe.views=0, or leave --teacher out"
        )
    if config.photos == "device":
        _check_held(recipe)
    if not recipe.freezes:
        return
    if config.pretrained == "none" and not config.init:
        raise RecycleNetError(
            f"the recipe {recipe.name!r} keeps part of the backbone as it is, so it needs pretrained weights: "
            "--pretrained imagenet or a file"
        )
    if config.model.attn_in_blocks and not config.init:
        raise RecycleNetError(
            f"the recipe {recipe.name!r} keeps part of the backbone as it is, so attention inside its blocks would "
            "never be trained: use --attn-at final, or another recipe"
        )
    backbone = create_classifier(config.model, 2).backbone
    lower, _ = split_backbone(backbone, recipe.trained_stages)
    if recipe.caches_features and len(lower) == 0:
        raise RecycleNetError(
            f"{config.model.arch} has no more than {recipe.trained_stages} stages: nothing would stay whose features "
            "could be kept; use a smaller recipe.trained_stages"
        )
    check_split(backbone, recipe.trained_stages)


def _check_held(recipe: Recipe) -> None:
    """Whether all that a recipe makes of photos can be made of many at once on a device."""
    reason = (
        "trains on features that are kept already"
        if recipe.caches_features
        else "moves items to made-up surfaces (recipe.surfaces), which is done photo by photo"
        if recipe.surfaces
        else "shows items on made-up surfaces too (recipe.consistency), which is done photo by photo"
        if recipe.consistency
        else f"makes views of the kind {recipe.augment!r} (recipe.augment), not one of {', '.join(DRAWN_KINDS)}"
        if recipe.augment not in DRAWN_KINDS
        else None
    )
    if reason is not None:
        raise RecycleNetError(
            f"photos cannot be held on the device, because the recipe {recipe.name!r} {reason}: leave out "
            "--photos device, or change the recipe's setting with --set"
        )


def check_team(config: TrainConfig, device: torch.device, team: Team) -> None:
    """Finds out whether processes can train together: a batch is divided among them.

    Raises:
        RecycleNetError: it is too small, or batch norm's statistics cannot be synced on the device.
    """
    recipe = config.recipe
    if team.alone:
        return
    if config.compile:
        raise RecycleNetError(f"--compile is for one process that trains alone, not for {team.size} together")
    if recipe.batch_size < team.size * least_part(recipe):
        raise RecycleNetError(
            f"a batch of {recipe.batch_size} photos is too small for {team.size} processes, each of which needs "
            f"{least_part(recipe)} or more: a greater --batch-size (it is that of all processes together), or fewer "
            "processes"
        )
    if recipe.batch_norm == "synced" and device.type != "cuda":
        raise RecycleNetError(
            "recipe.batch_norm=synced works on GPUs alone (torch has it for CUDA only): on the CPU choose own or frozen"
        )


def create_spec(config: TrainConfig) -> PreprocessSpec:
    """The preprocessing that a run trains for: the recipe's sizes, the architecture's statistics unless given."""
    mean, std = (config.mean, config.std) if config.mean and config.std else pretrained_statistics(config.model.arch)
    return PreprocessSpec(config.recipe.img_size, config.recipe.resize, mean, std)  # type: ignore[arg-type]


def check_data(folder: PhotoFolder) -> None:
    """Raises RecycleNetError unless there is something to train on and to validate with, for every class."""
    for split in ("train", "val"):
        folder.split(split)
    if folder.untrained:
        raise RecycleNetError(f"{folder.root}: no photos in the train split for: {', '.join(folder.untrained)}")
