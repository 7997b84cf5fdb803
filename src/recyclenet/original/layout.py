"""How the original's checkpoints name their tensors, and which networks they can hold.

A name there is `module.` (from DataParallel), then torchvision's name of the ResNet's tensor, with `final_fc` for its
`fc`, or `att.ChannelGate.mlp.0/2` and `att.SpatialGate.spatial.0` of the attention after the last block. The original
never really had SE and CBAM, so that their names are chosen here: timm's, `se.` inside each block.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

import torch

from recyclenet.config import RESNETS, ModelConfig
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.models.classifier import Classifier
from recyclenet.models.factory import IN_BLOCK, create_classifier
from recyclenet.preprocess import PreprocessSpec
from recyclenet.recipes import differences

_MODULE = "module."
_PREFIXES = (  # this project's, the original's; the empty one matches last
    ("attention.channel_gate.mlp.", "att.ChannelGate.mlp."),
    ("attention.spatial_gate.conv.", "att.SpatialGate.spatial.0."),
    ("head.", "final_fc."),
    ("backbone.", ""),
)
# (has bottlenecks, blocks in each of the four stages)
_ARCHS = {
    (False, (2, 2, 2, 2)): "resnet18",
    (False, (3, 4, 6, 3)): "resnet34",
    (True, (3, 4, 6, 3)): "resnet50",
    (True, (3, 4, 23, 3)): "resnet101",
    (True, (3, 8, 36, 3)): "resnet152",
}
# The original registers its attention after the head; its optimizer numbers parameters in this order.
_ORDER = ("backbone", "head", "attention")
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def to_original_name(name: str) -> str:
    """A tensor of a `Classifier` by its name in the original's files."""
    own, theirs = next(pair for pair in _PREFIXES if name.startswith(pair[0]))
    return _MODULE + theirs + name.removeprefix(own)


def from_original_name(name: str) -> str:
    """The name in a `Classifier`; without `module.` too. A name that is neither's ends up as one of the backbone."""
    name = name.removeprefix(_MODULE)
    own, theirs = next(pair for pair in _PREFIXES if name.startswith(pair[1]))
    return own + name.removeprefix(theirs)


def infer_model(names: Collection[str]) -> ModelConfig:
    """The network whose tensors, by their names in a `Classifier`, these are.

    Raises:
        RecycleNetError: no ResNet 18–152.
    """
    places = {match.groups() for name in names if (match := re.match(r"backbone\.layer([1-4])\.(\d+)\.", name))}
    blocks = tuple(sum(stage == number for stage, _ in places) for number in "1234")
    arch = _ARCHS.get(("backbone.layer1.0.conv3.weight" in names, blocks))
    if arch is None:
        raise RecycleNetError(f"its weights are those of no ResNet that is known ({', '.join(RESNETS)})")
    if any(IN_BLOCK in name for name in names):
        is_cbam = any(f"{IN_BLOCK}channel." in name for name in names)
        return ModelConfig(arch=arch, attn="cbam" if is_cbam else "se", attn_at="blocks")
    gates = tuple(
        gate for gate in ("channel", "spatial") if any(name.startswith(f"attention.{gate}_gate.") for name in names)
    )
    return ModelConfig(arch=arch, attn="recyclenet", gates=gates) if gates else ModelConfig(arch=arch)


def check_holdable(description: ModelDescription) -> None:
    """Makes sure that a model is the same after a way through the original's format, there and here.

    Raises:
        RecycleNetError: another network than its ResNets, plain, with its own module at the end or with SE or CBAM
            in every block; other classes, or other preprocessing.
    """
    model = description.model
    if model.arch not in RESNETS:
        raise RecycleNetError(f"the original's format holds {', '.join(RESNETS)}, not {model.arch}")
    known = ModelConfig(arch=model.arch, attn=model.attn, drop_rate=model.drop_rate)
    if model.attn in ("se", "cbam"):
        known = replace(known, attn_at="blocks")
    if model.gates == ("spatial",):  # published as a variant
        known = replace(known, gates=model.gates)
    other = [f"model.{line}" for line in differences(known, model)]
    if description.preprocess != PreprocessSpec():
        other += [f"preprocess.{line}" for line in differences(PreprocessSpec(), description.preprocess)]
    if description.classes != TRASHNET_CLASSES:
        other.append(f"classes: {', '.join(TRASHNET_CLASSES)} → {', '.join(description.classes)}")
    if other:
        raise RecycleNetError(f"the original's format cannot say what is different here: {'; '.join(other)}")


def tensor_names(model: ModelConfig) -> list[str]:
    """Names of a `Classifier`'s tensors in the original's order."""
    return sorted(_create_shapes(model).state_dict(), key=lambda name: _ORDER.index(name.partition(".")[0]))


def parameter_numbers(model: ModelConfig) -> dict[str, int]:
    """Names of a `Classifier`'s parameters with the numbers that this project's SGD knows them by."""
    return {name: number for number, (name, _) in enumerate(_create_shapes(model).named_parameters())}


def parameter_names(names: Iterable[str]) -> list[str]:
    """Those that are learned, in the given order, which for a state dict is that of the model's parameters."""
    return [name for name in names if not name.endswith(_BUFFERS)]


def _create_shapes(model: ModelConfig) -> Classifier:
    with torch.device("meta"):  # no memory
        return create_classifier(model, len(TRASHNET_CLASSES))
