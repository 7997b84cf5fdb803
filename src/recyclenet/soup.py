"""One network from several: the weighted mean of checkpoints that started from the same weights."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

import torch

from recyclenet.checkpoint import Checkpoint, read_checkpoint, save_checkpoint
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError


def mix(parts: Sequence[tuple[Path, float]], out: Path) -> ModelDescription:
    """Writes the weighted mean of checkpoints, batch statistics included.

    Runs that were fine-tuned from one start lie in one basin: their mean costs no more than one of them and is
    often better (https://arxiv.org/abs/2203.05482); mixed with the start itself it is better on photos unlike those
    of the training (https://arxiv.org/abs/2109.01903).

    Args:
        parts: files and their shares; shares are divided by their sum.
        out: the checkpoint to write; it makes no claim about its accuracy.

    Raises:
        RecycleNetError: fewer than two files, shares that make no mean, or networks, classes or preprocessing that
            differ.
    """
    if len(parts) < 2:
        raise RecycleNetError("a mean needs two checkpoints or more")
    total = sum(share for _, share in parts)
    if not all(isfinite(share) and share >= 0 for _, share in parts) or total <= 0:
        raise RecycleNetError("shares must be numbers from 0 up, not all 0")
    checkpoints = [read_checkpoint(path) for path, _ in parts]
    first = checkpoints[0].description
    for (path, _), checkpoint in zip(parts[1:], checkpoints[1:], strict=True):
        _check_alike(first, checkpoint.description, parts[0][0], path)
    weights = {
        name: _mean([checkpoint.weights[name] for checkpoint in checkpoints], [share / total for _, share in parts])
        for name in checkpoints[0].weights
    }
    description = replace(first, metrics={}, calibration=None, training=_origin(parts, checkpoints, total))
    save_checkpoint(out, weights, description)
    return description


def _mean(tensors: Sequence[torch.Tensor], shares: Sequence[float]) -> torch.Tensor:
    if not tensors[0].is_floating_point():  # how many batches were seen: nothing depends on it
        return tensors[0]
    summed = sum(share * tensor.double() for share, tensor in zip(shares, tensors, strict=True))
    return torch.as_tensor(summed, dtype=tensors[0].dtype)


def _check_alike(first: ModelDescription, other: ModelDescription, first_path: Path, path: Path) -> None:
    for what in ("model", "classes", "preprocess"):
        if getattr(first, what) != getattr(other, what):
            raise RecycleNetError(f"{first_path} and {path} cannot be mixed: their {what} differ")


def _origin(
    parts: Sequence[tuple[Path, float]], checkpoints: Sequence[Checkpoint], total: float
) -> dict[str, str | int | float | bool]:
    """What the description says about the training: what all parts say alike, and the parts."""
    trainings = [checkpoint.description.training for checkpoint in checkpoints]
    common = {
        key: value for key, value in trainings[0].items() if all(other.get(key) == value for other in trainings[1:])
    }
    mixed = " + ".join(
        f"{share / total:.3g} × {training.get('recipe', path.name)} (seed {training.get('seed', '?')}, "
        f"epoch {training.get('epoch', '?')})"
        for (path, share), training in zip(parts, trainings, strict=True)
    )
    return {**common, "mixed": mixed}
