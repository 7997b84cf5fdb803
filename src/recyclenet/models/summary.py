"""What a network costs before it is trained: parameters, arithmetic, shapes."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from recyclenet.config import ModelConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.factory import create_classifier
from recyclenet.strict import check_range


@dataclass(frozen=True)
class Summary:
    """Counts for one network.

    params: all learned numbers. attn_params: those of the attention modules. flops: floating-point
    operations for one picture (a multiply-add is two). features, logits: output shapes without N.
    """

    arch: str
    attn: str
    attn_at: str
    num_classes: int
    img_size: int
    params: int
    attn_params: int
    flops: int
    features: tuple[int, ...]
    logits: tuple[int, ...]


def summarize(config: ModelConfig, num_classes: int, img_size: int = 224) -> Summary:
    """Builds the network without memory for its weights, and counts.

    attn_params is the difference from the same network without attention, wherever the modules sit.

    Raises:
        RecycleNetError: as `create_classifier`, or a picture too small for the network.
    """
    check_range("img_size", img_size, 1, 4096)
    with torch.device("meta"):
        model = create_classifier(config, num_classes).eval()
        plain = create_classifier(ModelConfig(arch=config.arch, arch_args=config.arch_args), num_classes)
        images = torch.zeros(1, 3, img_size, img_size)
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            features = model.backbone(images)
            logits = model.forward_head(features)
    except (RuntimeError, AssertionError) as error:
        raise RecycleNetError(f"{config.arch} does not take pictures of {img_size}×{img_size}: {error}") from error
    params = _numel(model)
    return Summary(
        arch=config.arch,
        attn=config.attn,
        attn_at=config.attn_at,
        num_classes=num_classes,
        img_size=img_size,
        params=params,
        attn_params=params - _numel(plain),
        flops=counter.get_total_flops(),
        features=tuple(features.shape[1:]),
        logits=tuple(logits.shape[1:]),
    )


def count_params(config: ModelConfig, num_classes: int) -> int:
    """All learned numbers of the network, without building it in memory."""
    with torch.device("meta"):
        return _numel(create_classifier(config, num_classes))


def _numel(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
