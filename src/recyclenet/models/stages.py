"""A backbone as a chain of stages, so that its lower part can stay as it is while its last stages learn."""

import re

import torch
from torch import nn

from recyclenet.errors import RecycleNetError

# Where timm's families keep their stages, each a child of its own that the next one follows.
_CONTAINERS = ("blocks", "stages", "layers", "features")
_RESNET_STAGE = re.compile(r"layer\d+")
_INSTEAD = "set recipe.trained_stages to 0 (train none of it) or -1 (all)"


def split_backbone(backbone: nn.Module, trained_stages: int) -> tuple[nn.Sequential, nn.Sequential]:
    """The backbone as two parts that share its modules: upper(lower(images)) is backbone(images).

    Args:
        backbone: images (N, 3, H, W) → features (N, C, h, w).
        trained_stages: how many of the last stages, with whatever follows them, make the upper part; 0: none,
            the upper part is empty and gives back what it gets; -1, or as many as there are: all of it, stem included,
            and the lower part is empty.

    Raises:
        RecycleNetError: the backbone is no chain of stages.
    """
    if trained_stages == -1:
        return nn.Sequential(), nn.Sequential(backbone)
    if trained_stages == 0:
        return nn.Sequential(backbone), nn.Sequential()
    units, starts = _units(backbone)
    name = type(backbone).__name__
    if len(starts) < 2:
        raise RecycleNetError(f"{name} is no chain of stages to be cut: {_INSTEAD}")
    if trained_stages >= len(starts):
        return nn.Sequential(), nn.Sequential(backbone)
    cut = starts[-trained_stages]
    return nn.Sequential(*units[:cut]), nn.Sequential(*units[cut:])


def check_split(backbone: nn.Module, trained_stages: int, img_size: int = 64) -> None:
    """Makes sure that the two parts do what the whole does: a family may do more than call its children in turn.

    Raises:
        RecycleNetError: they do not.
    """
    lower, upper = split_backbone(backbone, trained_stages)
    was_training = backbone.training
    backbone.eval()
    with torch.inference_mode():
        images = torch.linspace(-1, 1, 3 * img_size * img_size).reshape(1, 3, img_size, img_size)
        whole = backbone(images)
        try:
            same = torch.allclose(upper(lower(images)), whole, rtol=1e-4, atol=1e-5)
        except (RuntimeError, TypeError, ValueError, AttributeError):  # a part that needs more than its input
            same = False
    backbone.train(was_training)
    if not same:
        raise RecycleNetError(f"{type(backbone).__name__} is more than a chain of its stages: {_INSTEAD}")


def stage_depths(backbone: nn.Module) -> dict[str, int]:
    """How many stages come after the one that a parameter belongs to, by the parameter's name in the backbone.

    A stage is a child of the container that the backbone keeps its stages in, if it has parameters; in families such
    as VGG that is a single layer. What follows the last stage counts to it; what comes before the first, the stem, lies
    one deeper than that.

    Raises:
        RecycleNetError: the backbone is no chain of stages.
    """
    units, starts = _units(backbone)
    starts = [start for start in starts if next(units[start].parameters(), None) is not None]
    if len(starts) < 2:
        raise RecycleNetError(
            f"{type(backbone).__name__} is no chain of stages that could learn at rates of their own: set "
            "recipe.layer_decay to 1"
        )
    depths = {
        id(parameter): sum(start > place for start in starts)
        for place, unit in enumerate(units)
        for parameter in unit.parameters()
    }
    return {name: depths[id(parameter)] for name, parameter in backbone.named_parameters()}


def _units(backbone: nn.Module) -> tuple[list[nn.Module], list[int]]:
    """The modules to call in turn, and at which of them stages begin."""
    units: list[nn.Module] = []
    starts: list[int] = []
    for name, child in backbone.named_children():
        if name in _CONTAINERS and isinstance(child, nn.Sequential):
            starts += range(len(units), len(units) + len(child))
            units += child
            continue
        if _RESNET_STAGE.fullmatch(name):
            starts.append(len(units))
        units.append(child)
    return units, starts
