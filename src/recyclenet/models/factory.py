"""From a configuration to a network: any timm backbone that gives NCHW feature maps, ResNet 18–152 first."""

import inspect
from collections.abc import Callable
from typing import Any

import timm
import torch
from torch import nn

from recyclenet.config import RESNETS, ModelConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.attention import create_attention
from recyclenet.models.classifier import Classifier
from recyclenet.strict import choices

# What timm calls the attention of a ResNet's block; other families have parts of their own by this name.
IN_BLOCK = ".se."

# A description can come from a stranger's file; these would make timm read files or reach for the network.
_RESERVED = {
    *inspect.signature(timm.create_model).parameters,
    "num_classes",
    "global_pool",
    "in_chans",
    "features_only",
}


def create_classifier(config: ModelConfig, num_classes: int) -> Classifier:
    """Builds the configured network with fresh weights.

    Args:
        config: architecture and attention.
        num_classes: K, at least 2.

    Raises:
        RecycleNetError: unknown architecture (near matches are listed), one without NCHW feature maps,
            attention in every block of a network that has no place for it, or arguments it does not take.
    """
    if not 2 <= num_classes <= 10_000:
        raise RecycleNetError(f"a classifier needs two classes or more, up to 10,000, not {num_classes}")
    attention = create_attention(config)
    in_blocks = config.attn_in_blocks
    backbone = _create_backbone(config, _block_args(attention) if attention and in_blocks else {})
    channels = _num_features(backbone, config.arch)
    at_end = attention(channels) if attention and not in_blocks else None
    return Classifier(backbone, at_end, channels, num_classes, config.drop_rate)


def pretrained_tag(arch: str) -> str:
    """The name under which timm finds the architecture's ImageNet weights."""
    # For the original's backbones the weights that it fine-tuned: torchvision's, on ImageNet-1k.
    return f"{arch}.tv_in1k" if arch in RESNETS else arch


def pretrained_statistics(arch: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation, three numbers each, that the architecture's published weights expect."""
    settings = timm.get_pretrained_cfg(pretrained_tag(arch))
    if settings is None:
        raise RecycleNetError(f"no published preprocessing is known for {arch}: give mean and std")
    return tuple(settings.mean), tuple(settings.std)


def _block_args(attention: Callable[[int], nn.Module]) -> dict[str, Any]:
    # timm also names a device and a dtype, both None here.
    return {"block_args": {"attn_layer": lambda channels, **_: attention(channels)}}


def _create_backbone(config: ModelConfig, extra: dict[str, Any]) -> nn.Module:
    arch = config.arch
    reserved = sorted(set(config.arch_args) & _RESERVED)
    if reserved:
        raise RecycleNetError(f"arch_args may not set {', '.join(reserved)}: that is settled elsewhere")
    if not timm.is_model(arch):
        known = [*RESNETS, *(name for name in timm.list_models() if name not in RESNETS)]
        raise RecycleNetError(f"unknown architecture {arch!r}; {choices(arch, known)}")
    if extra and arch not in RESNETS:
        raise RecycleNetError(
            f"attn_at=blocks needs one of {', '.join(RESNETS)}; for {arch} use attn_at=final (after the last block)"
        )
    if arch in RESNETS:
        # As torchvision starts from scratch; timm's default silences each block's last batch norm at first.
        extra = {"zero_init_last": False, **extra}
    try:
        return _without_pool(arch, {**config.arch_args, **extra})
    # Families take their arguments in their own ways and fail in their own ways; the user's words are the cause.
    except (TypeError, ValueError, RuntimeError, KeyError, AssertionError) as error:
        given = ", ".join(f"{key}={value}" for key, value in config.arch_args.items()) or "none given"
        raise RecycleNetError(f"{arch} cannot be built (arguments: {given}): {error}") from error


def _without_pool(arch: str, arguments: dict[str, Any]) -> nn.Module:
    """The network up to its last feature map."""
    try:
        backbone: nn.Module = timm.create_model(arch, pretrained=False, num_classes=0, global_pool="", **arguments)
    except AssertionError:
        # Some families pool inside a head that cannot do without; what is left without that head is the map.
        backbone = timm.create_model(arch, pretrained=False, num_classes=0, **arguments)
        backbone.head = nn.Identity()
    return backbone


def _num_features(backbone: nn.Module, arch: str) -> int:
    """C of the feature map, by a look at one; refuses what is not (N, C, h, w)."""
    was_training = backbone.training
    backbone.eval()
    size = max(64, *(getattr(backbone, "default_cfg", {}).get("input_size") or (3, 224, 224))[1:])
    try:
        with torch.inference_mode():
            features = backbone(torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise RecycleNetError(f"{arch} does not take RGB pictures of {size}×{size}: {error}") from error
    backbone.train(was_training)
    # Some heads end in a convolution that widens the map. Either width in another place means (N, h, w, C).
    known = {getattr(backbone, name, None) for name in ("head_hidden_size", "num_features")}
    is_map = isinstance(features, torch.Tensor) and features.ndim == 4
    if not is_map or features.shape[1] not in known:
        shape = tuple(features.shape) if isinstance(features, torch.Tensor) else type(features).__name__
        raise RecycleNetError(
            f"{arch} gives features of shape {shape}, not (N, C, h, w): choose a convolutional backbone"
        )
    return int(features.shape[1])
