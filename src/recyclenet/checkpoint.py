"""Checkpoints: safetensors with a JSON description, whole or absent, no pickle. The original's files are read too.

The deployable weights stand under their plain names. `last.safetensors` of a run also carries what going on
needs (optimizer, the raw weights beside their average, place in the epoch) under the prefix `train/`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from recyclenet.atomic import replace_file
from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.model_files import checkpoint_file
from recyclenet.models.classifier import Classifier
from recyclenet.models.factory import create_classifier
from recyclenet.original.checkpoint import read_original
from recyclenet.tensor_file import digest_tensors, read_tensors, write_tensors
from recyclenet.torch_file import is_torch_file

TRAIN_PREFIX = "train/"
_TRAIN_KEY = "train"
_ORIGIN_KEY = "origin"
_DIGEST_KEY = "tensors-sha256"  # where training goes on from, a bit that fell over must not go unnoticed


@dataclass(frozen=True)
class TrainState:
    """What a stopped run needs to go on: named tensors and a JSON-able table of numbers.

    `origin` says of what the run is made, by which it knows its own files; None in files from before that was kept.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]
    origin: dict[str, Any] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory; `train_state` only in files that a run can resume from."""

    description: ModelDescription
    weights: dict[str, Tensor]
    train_state: TrainState | None


def save_checkpoint(
    path: str | Path,
    weights: Mapping[str, Tensor],
    description: ModelDescription,
    train_state: TrainState | None = None,
    keep: Path | None = None,
) -> None:
    """Writes one file, atomically. Tensors are stored on the CPU, contiguous, in their own dtype.

    Args:
        path: the file.
        weights: the network's tensors by their names.
        description: what the file says of itself.
        train_state: what a run needs to go on.
        keep: a name for the file that stood there, as in `replace_file`.

    Raises:
        RecycleNetError: it cannot be written; what stood there is as it was.
    """
    tensors = dict(weights)
    metadata = {METADATA_KEY: description.to_json()}
    if train_state is not None:
        tensors |= {TRAIN_PREFIX + name: tensor for name, tensor in train_state.tensors.items()}
        metadata[_TRAIN_KEY] = json.dumps(train_state.values)
        if train_state.origin is not None:
            metadata[_ORIGIN_KEY] = json.dumps(train_state.origin)
    # clone: safetensors refuses tensors that share memory (an average that still is the model, for one)
    stored = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    if train_state is not None:
        metadata[_DIGEST_KEY] = digest_tensors(stored)
    with replace_file(path, keep=keep) as temporary:
        write_tensors(temporary, stored, metadata)


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Reads a checkpoint, this project's or the original's (.pth.tar), onto the CPU.

    "bundled" is the one that the bundled model was made from, unless there is a file of that name.

    Raises:
        RecycleNetError: missing, torn, of neither format, or without this project's description.
    """
    file = checkpoint_file(path)
    if file.is_dir():
        raise RecycleNetError(f"{file} is a folder; expected a checkpoint such as {file / 'best.safetensors'}")
    if not file.is_file():
        raise RecycleNetError(f"no checkpoint at {file} (a run writes best.safetensors and last.safetensors)")
    if is_torch_file(file):
        original = read_original(file)
        return Checkpoint(original.description, original.weights, None)
    tensors, metadata = read_tensors(file, "checkpoint")
    if _DIGEST_KEY in metadata and metadata[_DIGEST_KEY] != digest_tensors(tensors):
        raise RecycleNetError(f"{file} is not a readable checkpoint: its numbers are not those that were written")
    if METADATA_KEY not in metadata:
        raise RecycleNetError(f"{file} has no recyclenet description: bare weights go to 'train --pretrained FILE'")
    description = ModelDescription.from_json(metadata[METADATA_KEY], str(file))
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(TRAIN_PREFIX)}
    train_state = None
    if _TRAIN_KEY in metadata:
        extra = {name.removeprefix(TRAIN_PREFIX): tensor for name, tensor in tensors.items() if name not in weights}
        try:
            values, origin = json.loads(metadata[_TRAIN_KEY]), json.loads(metadata.get(_ORIGIN_KEY, "null"))
        except (ValueError, RecursionError) as error:
            raise RecycleNetError(f"{file}: its training state is not JSON ({error})") from error
        if not isinstance(values, dict) or not isinstance(origin, dict | None):
            raise RecycleNetError(f"{file}: its training state is not a table")
        train_state = TrainState(extra, values, origin)
    return Checkpoint(description, weights, train_state)


def load_classifier(path: str | Path) -> tuple[Classifier, ModelDescription]:
    """Builds the network that a checkpoint describes and fills it; on the CPU, in eval mode.

    Raises:
        RecycleNetError: as `read_checkpoint`, or weights that do not fit their own description.
    """
    checkpoint = read_checkpoint(path)
    described = checkpoint.description.model, len(checkpoint.description.classes)
    with torch.device("meta"):  # shapes without memory: a stranger's description may ask for any amount of it
        outline = create_classifier(*described)
    _check_shapes(outline, checkpoint.weights, str(path))
    model = create_classifier(*described)
    fill(model, checkpoint.weights, str(path))
    return model.eval(), checkpoint.description


def _check_shapes(model: torch.nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Raises RecycleNetError where a tensor of the network is not there, or in another shape."""
    for name, tensor in model.state_dict().items():
        found = tuple(weights[name].shape) if name in weights else "missing"
        if found != tuple(tensor.shape):
            raise RecycleNetError(
                f"{where}: the weights do not fit the network it describes: {name} is {found}, the network's "
                f"{tuple(tensor.shape)}"
            )


def fill(model: torch.nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Copies named tensors into a network; every name and shape must fit.

    Raises:
        RecycleNetError: they do not; `where` names the source.
    """
    try:
        model.load_state_dict(dict(weights))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:4]]
        raise RecycleNetError(f"{where}: the weights do not fit the network it describes: {' '.join(lines)}") from error
