"""The original's checkpoints, read and written.

A file is a torch.save of a dict: `epoch` (finished ones), `arch` ("resnet18_base"), `state_dict` (see `layout`),
`best_acc1` (percent, on val) and `optimizer` (of an SGD with one parameter group). What this project writes there has
one entry more, `recyclenet`, a text that the original does not look at: JSON with the model's description and, from
training, what going on exactly needs.
"""

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recyclenet.atomic import replace_file
from recyclenet.config import Recipe, TrainConfig
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.original.layout import (
    check_holdable,
    from_original_name,
    infer_model,
    parameter_names,
    tensor_names,
    to_original_name,
)
from recyclenet.preprocess import PreprocessSpec
from recyclenet.strict import from_dict
from recyclenet.torch_file import load_torch_file
from recyclenet.training.optim import lr_factor

_EXTRA = "recyclenet"


@dataclass(frozen=True)
class RunState:
    """A run of this project at the time of writing: its settings, and `TrainState.values` of its last checkpoint."""

    config: TrainConfig
    values: dict[str, Any]


@dataclass(frozen=True)
class OriginalCheckpoint:
    """A file of the original's in this project's terms.

    Attributes:
        description: what the file says of the network, or what its tensors give away.
        weights: tensors by their names in a `Classifier`.
        epoch: finished epochs.
        best_acc1: best accuracy on val so far, in percent; None if the file does not say.
        momentum: SGD's buffers by parameter; empty if there are none or they do not fit.
        run: set in files that this project's training wrote.
        notes: what a person should know about the reading.
    """

    description: ModelDescription
    weights: dict[str, Tensor]
    epoch: int = 0
    best_acc1: float | None = None
    momentum: dict[str, Tensor] = field(default_factory=dict)
    run: RunState | None = None
    notes: tuple[str, ...] = ()


def read_original(path: str | Path) -> OriginalCheckpoint:
    """Reads a checkpoint, or a bare state dict, onto the CPU; whether the weights fit is for `checkpoint.fill` to say.

    Raises:
        RecycleNetError: damaged, refused because reading it could run code, or no checkpoint of the original.
    """
    file = Path(path)
    table = load_torch_file(file)
    state = table.get("state_dict", table) if isinstance(table, dict) else None
    if not isinstance(state, dict) or not all(isinstance(item, Tensor) for item in state.values()):
        raise RecycleNetError(
            f"{file} is no checkpoint of the original: expected a table with 'state_dict', tensors by their names"
        )
    if any(tensor.is_complex() for tensor in state.values()):
        raise RecycleNetError(f"{file} is no checkpoint of the original: it has complex numbers for weights")
    weights = {from_original_name(str(name)): _plain(tensor) for name, tensor in state.items()}
    if "head.weight" not in weights or weights["head.weight"].ndim != 2:
        raise RecycleNetError(
            f"{file} is no checkpoint of the original: it has no 'final_fc.weight', a matrix "
            "(ImageNet weights go to 'train --pretrained FILE')"
        )
    _count_batches(weights)
    notes: list[str] = []
    try:
        description, run = _own_words(table, file) if _EXTRA in table else (_infer(table, weights, notes), None)
    except RecycleNetError as error:
        message = str(error)
        raise RecycleNetError(message if message.startswith(str(file)) else f"{file}: {message}") from error
    return OriginalCheckpoint(
        description,
        weights,
        epoch=_number(table.get("epoch"), int) or 0,
        best_acc1=_number(table.get("best_acc1"), float),
        momentum=_momentum(table.get("optimizer"), weights),
        run=run,
        notes=tuple(notes),
    )


def to_description(checkpoint: OriginalCheckpoint) -> ModelDescription:
    """The description with the file's epoch and best accuracy, which `from_description` takes up again."""
    description = checkpoint.description
    best = {} if checkpoint.best_acc1 is None else {"best_acc1": checkpoint.best_acc1}
    training = {**description.training, "epoch": checkpoint.epoch}
    return replace(description, metrics={**description.metrics, **best}, training=training)


def from_description(description: ModelDescription, weights: dict[str, Tensor]) -> OriginalCheckpoint:
    """A finished model, with epoch and accuracy as its description has them; no momentum."""
    metrics, epoch = description.metrics, description.training.get("epoch")
    best = metrics["best_acc1"] if "best_acc1" in metrics else 100 * float(metrics.get("val_accuracy", math.nan))
    return OriginalCheckpoint(description, weights, _number(epoch, int) or 0, _number(best, float))


def write_original(path: str | Path, checkpoint: OriginalCheckpoint, recipe: Recipe) -> None:
    """Writes a checkpoint that both systems read, atomically; `recipe` has the optimizer's settings.

    Raises:
        RecycleNetError: as `layout.check_holdable`, or the file cannot be written.
    """
    description = checkpoint.description
    check_holdable(description)
    names = tensor_names(description.model)
    lr = recipe.lr * lr_factor(recipe, max(checkpoint.epoch - 1, 0))
    extra: dict[str, Any] = {"description": asdict(description)}
    if checkpoint.run is not None:
        extra["run"] = asdict(checkpoint.run)
    table = {
        "epoch": checkpoint.epoch,
        "arch": f"{description.model.arch}_base",
        # clone: a tensor that is a view would be stored with all that it is a view of
        "state_dict": {to_original_name(name): checkpoint.weights[name].detach().cpu().clone() for name in names},
        "best_acc1": checkpoint.best_acc1 or 0.0,
        "optimizer": _sgd_state(parameter_names(names), checkpoint.momentum, recipe, lr),
        _EXTRA: json.dumps(extra, ensure_ascii=False),
    }
    with replace_file(path) as temporary:
        torch.save(table, temporary)


def _own_words(table: dict[str, Any], file: Path) -> tuple[ModelDescription, RunState | None]:
    try:
        words = json.loads(table[_EXTRA])
        description, run = words["description"], words.get("run")
    except (TypeError, KeyError, AttributeError, ValueError, RecursionError) as error:
        raise RecycleNetError(f"{file}: its entry {_EXTRA!r} is not what this project writes there") from error
    return (
        ModelDescription.from_json(json.dumps(description), str(file)),
        None if run is None else from_dict(RunState, run, str(file)),
    )


def _infer(table: dict[str, Any], weights: dict[str, Tensor], notes: list[str]) -> ModelDescription:
    """What a file of the original's own does not say in words."""
    model = infer_model(weights)
    declared = table.get("arch")
    if isinstance(declared, str) and declared.removesuffix("_base") != model.arch:
        notes.append(f"its arch entry is {declared[:40]!r}, but its weights are those of {model.arch}: they count")
    num_classes = len(weights["head.weight"])
    classes = TRASHNET_CLASSES
    if num_classes != len(classes):
        classes = tuple(f"class {number}" for number in range(1, num_classes + 1))
        notes.append(f"it has {num_classes} classes, and no names for them: they are numbered from 1")
    best = _number(table.get("best_acc1"), float)
    return ModelDescription(
        model,
        classes,
        PreprocessSpec(),
        metrics={} if best is None else {"best_acc1": best},
        training={"epoch": _number(table.get("epoch"), int) or 0},
    )


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().float() if tensor.is_floating_point() else tensor.detach()


def _count_batches(weights: dict[str, Tensor]) -> None:
    """Adds batch norm's counter where a file comes from before there was one; nothing here reads it."""
    for name in [name for name in weights if name.endswith(".running_var")]:
        weights.setdefault(name.replace("running_var", "num_batches_tracked"), torch.tensor(0))


def _number(value: Any, kind: type[int] | type[float]) -> Any:
    """A finite number ≥ 0, also from a tensor of one element, as the original's accuracy can be; or None."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return kind(value) if math.isfinite(value) and value >= 0 else None
    except OverflowError:  # an integer beyond all floats
        return None


def _momentum(optimizer: Any, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """SGD's buffers by parameter. Numbers, or in files before torch 1.5 memory addresses, stand for parameters."""
    names = parameter_names(weights)
    try:
        (group,) = optimizer["param_groups"]
        buffers = {
            name: optimizer["state"][key]["momentum_buffer"]
            for name, key in zip(names, group["params"], strict=True)
            if key in optimizer["state"]
        }
    except (
        TypeError,
        KeyError,
        IndexError,
        ValueError,
        RuntimeError,
    ):  # no optimizer, another one, or one for another network
        return {}
    fits = all(
        isinstance(item, Tensor) and item.shape == weights[name].shape and not item.is_complex()
        for name, item in buffers.items()
    )
    return {name: _plain(item) for name, item in buffers.items()} if fits else {}


def _sgd_state(names: list[str], momentum: dict[str, Tensor], recipe: Recipe, lr: float) -> dict[str, Any]:
    """The state dict of an SGD over parameters of these names."""
    one = [nn.Parameter(torch.empty(0))]
    state = torch.optim.SGD(one, lr=lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay).state_dict()
    state["param_groups"][0]["params"] = list(range(len(names)))
    state["state"] = {
        number: {"momentum_buffer": momentum[name].detach().cpu().clone()}
        for number, name in enumerate(names)
        if name in momentum
    }
    return state
