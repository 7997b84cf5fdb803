"""What is learned how fast: parameter groups and the learning-rate schedule."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from recyclenet.config import Recipe
from recyclenet.models.classifier import Classifier
from recyclenet.models.factory import IN_BLOCK
from recyclenet.models.stages import stage_depths


def create_optimizer(model: Classifier, recipe: Recipe, *, attn_in_blocks: bool = False) -> torch.optim.Optimizer:
    """SGD or AdamW over the parameters that require gradients.

    Attention and head, which start fresh, learn `head_lr_scale` times as fast as the backbone; with AdamW gates
    of many inputs learn slower, see `_gate_share`. AdamW decays only matrices and kernels; SGD decays everything,
    as the original did. Each stage of the backbone learns `layer_decay` times as fast as the one after it. Each group
    keeps its full rate under "peak_lr" for `set_lr`.
    """
    depths = {}
    if recipe.layer_decay != 1:
        depths = {f"backbone.{name}": depth for name, depth in stage_depths(model.backbone).items()}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            lr = recipe.lr * recipe.layer_decay ** depths.get(name, 0)
            lr *= recipe.head_lr_scale if _is_fresh(name, attn_in_blocks) else 1.0
            if recipe.optimizer == "adamw" and _is_attention(name, attn_in_blocks):
                lr *= _gate_share(parameter)
            decay = recipe.weight_decay if recipe.optimizer == "sgd" or parameter.ndim > 1 else 0.0
            groups.setdefault((lr, decay), []).append(parameter)
    parts = [
        {"params": parameters, "lr": lr, "peak_lr": lr, "weight_decay": decay}
        for (lr, decay), parameters in groups.items()
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(parts, lr=recipe.lr, momentum=recipe.momentum)
    return torch.optim.AdamW(parts, lr=recipe.lr)


def _is_fresh(name: str, attn_in_blocks: bool) -> bool:
    """Whether a parameter of a Classifier has no pretrained value: head, and attention at the end or in blocks."""
    return name.startswith("head.") or _is_attention(name, attn_in_blocks)


def _is_attention(name: str, attn_in_blocks: bool) -> bool:
    return name.startswith("attention.") or (attn_in_blocks and IN_BLOCK in name)


# MobileNetV2's pooled features: a layer over so many inputs bears the full rate well.
_FULL_RATE_INPUTS = 1280


def _gate_share(parameter: nn.Parameter) -> float:
    """The share of the full rate at which a gate's weights learn with AdamW, in (0, 1].

    AdamW moves every weight by about the rate at each step, however small its gradient. A 7×7 kernel over all
    channels adds up 49 × C such moves over features that are never negative: at the full rate the first steps
    drive its sigmoid to 0 at every place, where there is no gradient to bring it back (measured with MobileNetV2 on
    100 val photos after 12 epochs on cached features: 0.0000 on average; at this share 0.87, from 0.29 to 1.00).
    """
    inputs = parameter[0].numel() if parameter.ndim > 1 else 1
    return min(1.0, _FULL_RATE_INPUTS / inputs)


def lr_factor(recipe: Recipe, progress: float) -> float:
    """The share of the full learning rate after `progress` epochs (fractions count), in [0, 1].

    "step": × step_factor after every step_epochs whole epochs. "cosine": half a cosine down to 0. Both
    rise linearly from 0 over the first share `warmup` of the run.
    """
    warmup = recipe.warmup * recipe.epochs
    if progress < warmup:
        return progress / warmup
    if recipe.schedule == "step":
        return recipe.step_factor ** (int(progress) // recipe.step_epochs)
    span = max(recipe.epochs - warmup, 1e-9)
    return 0.5 * (1 + math.cos(math.pi * min((progress - warmup) / span, 1.0)))


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Sets every group to `factor` of its full rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's memory as named tensors: optimizer.<parameter's number>.<what>."""
    return {
        f"optimizer.{index}.{key}": value
        for index, memory in optimizer.state_dict()["state"].items()
        for key, value in memory.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Puts back what `optimizer_tensors` gave; other tensors are passed over.

    Raises:
        ValueError, KeyError: they are of another optimizer or of other parameters.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    memory: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            memory.setdefault(int(index), {})[key] = value
    for number, held in memory.items():
        if not 0 <= number < len(parameters) or held.keys() != _MEMORY[type(optimizer)]:
            raise ValueError(f"the optimizer's memory {number} has {', '.join(held)}")
        if any(value.ndim and value.shape != parameters[number].shape for value in held.values()):
            raise ValueError(f"the optimizer's memory {number} is of another shape")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": memory})


_MEMORY = {torch.optim.SGD: {"momentum_buffer"}, torch.optim.AdamW: {"step", "exp_avg", "exp_avg_sq"}}


def adopt_memory(optimizer: torch.optim.Optimizer, older: torch.optim.Optimizer) -> None:
    """Gives the memory of another optimizer of the same kind, whose groups may be others, to the same parameters."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter in older.state:
                optimizer.state[parameter] = older.state[parameter]
