"""Batch normalisation of stages that stay as they are, folded into the convolutions before it: the same, sooner."""

from copy import deepcopy
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

_IMG_SIZE = 64


def fold_norms(module: nn.Module) -> nn.Module:
    """A copy that gives what the module gives in evaluation, up to rounding; the module itself where it would not.

    A convolution and the batch normalisation that its parent holds next become one convolution.

    Args:
        module: images (N, 3, H, W) → features; in evaluation mode.
    """
    folded = deepcopy(module)
    for parent in list(folded.modules()):
        for (_, conv), (name, norm) in pairwise(list(parent.named_children())):
            if _fits(conv, norm):
                _fold(cast(nn.Conv2d, conv), cast(nn.BatchNorm2d, norm))
                # timm's normalisation ends in its activation.
                setattr(parent, name, cast(nn.Module, getattr(norm, "act", nn.Identity())))
    return folded if _alike(module, folded) else module


def _fits(conv: nn.Module, norm: nn.Module) -> bool:
    return (
        isinstance(conv, nn.Conv2d)
        and isinstance(norm, nn.BatchNorm2d)
        and norm.num_features == conv.out_channels
        and norm.running_mean is not None
    )


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )


def _alike(module: nn.Module, folded: nn.Module) -> bool:
    """Whether both do the same: what a parent holds next need not be what it calls next."""
    weight = next(module.parameters(), torch.zeros(1))
    with torch.inference_mode():
        images = torch.linspace(-1, 1, 3 * _IMG_SIZE**2, device=weight.device).reshape(1, 3, _IMG_SIZE, _IMG_SIZE)
        expected = module(images)
        return torch.allclose(folded(images), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
