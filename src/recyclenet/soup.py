"""One network from several: the weighted mean of checkpoints that started from the same weights."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import TypeVar

import torch

import recyclenet
from recyclenet.checkpoint import Checkpoint, read_checkpoint, save_checkpoint
from recyclenet.config import Scalar
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError

T = TypeVar("T")
_SEEDS = re.compile(r"\(seeds? (\d+(?:, \d+)*)[,;)]")  # in what `_run` writes


def mix(
    parts: Sequence[tuple[Path, float]], out: Path, *, half: bool = False, view: tuple[int, int] | None = None
) -> ModelDescription:
    """Writes the weighted mean of checkpoints, batch statistics included.

    Runs that were fine-tuned from one start lie in one basin: their mean costs no more than one of them and is
    often better (https://arxiv.org/abs/2203.05482); mixed with the start itself it is better on photos unlike those
    of the training (https://arxiv.org/abs/2109.01903).

    Args:
        parts: files and their shares; shares are divided by their sum.
        out: the checkpoint to write; it makes no claim about its accuracy, and has the first part's view: runs may
            have gone on from each other at another size.
        view: img_size and resize of the mix's preprocessing, where it is not to be the first part's.
        half: store kernels as float16, in half the file; statistics and biases stay as they are.

    Raises:
        RecycleNetError: fewer than two files, a file that is no checkpoint, shares that make no mean, or networks,
            classes or input statistics that differ; with `half`, weights that float16 does not hold.
    """
    if len(parts) < 2:
        raise RecycleNetError(f"a mean needs two checkpoints or more, not {len(parts)}")
    total = sum(share for _, share in parts)
    if not all(share >= 0 for _, share in parts) or not 0 < total < inf:  # nor NaN, which fails every comparison
        shares = ", ".join(f"{share:g}" for _, share in parts)
        raise RecycleNetError(f"shares must be numbers from 0 up, not all 0; got {shares}")
    checkpoints = [read_checkpoint(path) for path, _ in parts]
    first = checkpoints[0]
    for (path, _), checkpoint in zip(parts[1:], checkpoints[1:], strict=True):
        _check_alike(first, checkpoint, parts[0][0], path)
    weights = {
        name: _mean([checkpoint.weights[name] for checkpoint in checkpoints], [share / total for _, share in parts])
        for name in first.weights
    }
    if half:
        weights = {name: _halved(name, tensor) for name, tensor in weights.items()}
    spec = first.description.preprocess
    if view is not None:
        spec = replace(spec, img_size=view[0], resize=view[1])
    description = replace(
        first.description,
        preprocess=spec,
        metrics={},
        calibration=None,
        data=_common([checkpoint.description.data for checkpoint in checkpoints]),
        training=_origin(parts, checkpoints, total),
        version=recyclenet.__version__,
    )
    save_checkpoint(out, weights, description)
    return description


def part_of(text: str) -> tuple[Path, float]:
    """A file and its share of a mean, written as FILE:SHARE, or as FILE where the share is 1.

    Raises:
        RecycleNetError: a share that is no number.
    """
    path, colon, share = text.rpartition(":")
    if not colon or Path(text).exists():  # a name may hold colons
        return Path(text), 1.0
    try:
        return Path(path), float(share)
    except ValueError as error:
        raise RecycleNetError(f"expected FILE or FILE:SHARE with a number as share, not {text!r}") from error


def _mean(tensors: Sequence[torch.Tensor], shares: Sequence[float]) -> torch.Tensor:
    if not tensors[0].is_floating_point():  # how many batches were seen: nothing depends on it
        return tensors[0]
    summed = sum(share * tensor.double() for share, tensor in zip(shares, tensors, strict=True))
    return torch.as_tensor(summed, dtype=torch.float32)


def _halved(name: str, tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dim() < 2 or not tensor.is_floating_point():  # small, and a variance may be too large or too small
        return tensor
    halved = tensor.half()
    if not bool(torch.isfinite(halved).all()):
        raise RecycleNetError(f"{name} has weights that are too large for float16: leave --half out")
    return halved


def _check_alike(first: Checkpoint, other: Checkpoint, first_path: Path, path: Path) -> None:
    """Raises RecycleNetError for two networks whose weights cannot be averaged one by one."""
    one, two = first.description, other.description
    different = [what for what in ("model", "classes") if getattr(one, what) != getattr(two, what)]
    different += [what for what in ("mean", "std") if getattr(one.preprocess, what) != getattr(two.preprocess, what)]
    shapes, other_shapes = (
        {name: tensor.shape for name, tensor in checkpoint.weights.items()} for checkpoint in (first, other)
    )
    if not different and shapes != other_shapes:
        different = ["tensors"]
    if different:
        raise RecycleNetError(
            f"{first_path} and {path} cannot be mixed: they differ in {', '.join(different)}; "
            "give checkpoints of runs that started from the same weights"
        )


def _common(tables: Sequence[Mapping[str, T]]) -> dict[str, T]:
    """What all tables say alike."""
    return {key: value for key, value in tables[0].items() if all(other.get(key) == value for other in tables[1:])}


def _origin(parts: Sequence[tuple[Path, float]], checkpoints: Sequence[Checkpoint], total: float) -> dict[str, Scalar]:
    """What the description says about the training: what all parts say alike, the teachers of any, and the parts."""
    trainings = [checkpoint.description.training for checkpoint in checkpoints]
    mixed = " + ".join(
        f"{share / total:.3g} × {training.get('recipe', path.name)} ({_run(training)})"
        for (path, share), training in zip(parts, trainings, strict=True)
    )
    taught = [str(training["teachers"]).split(", ") for training in trainings if "teachers" in training]
    teachers = ", ".join(dict.fromkeys(name for names in taught for name in names))
    return {**_common(trainings), **({"teachers": teachers} if teachers else {}), "mixed": mixed}


def _run(training: Mapping[str, Scalar]) -> str:
    """Which run a part is, as in: seed 1, epoch 7. A part that is a mix itself has several: seeds 1, 2; epoch 7."""
    if "mixed" not in training or "seed" in training:  # a mix has a seed where all its parts have the same
        return f"seed {training.get('seed', '?')}, epoch {training.get('epoch', '?')}"
    epoch = f"; epoch {training['epoch']}" if "epoch" in training else ""
    mixed = str(training["mixed"])
    seeds = dict.fromkeys(seed for run in _SEEDS.findall(mixed) for seed in run.split(", "))
    complete = seeds and "(seed ?" not in mixed and "(a mix" not in mixed
    return (f"seeds {', '.join(seeds)}" if complete else "a mix") + epoch
