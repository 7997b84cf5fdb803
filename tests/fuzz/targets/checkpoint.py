"""Checkpoints in safetensors: header, description and training state may each be anybody's."""

import json

import torch
from safetensors.torch import save

from recyclenet.checkpoint import load_classifier, read_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.models.factory import create_classifier
from recyclenet.preprocess import PreprocessSpec
from tests.fuzz.hostile import TEXT_TOKENS, Form, Target
from tests.fuzz.targets.scratch import scratch_file

_MODEL = ModelConfig(arch="test_efficientnet", attn="recyclenet")
_DESCRIPTION = ModelDescription(_MODEL, ("a", "b", "c"), PreprocessSpec(), metrics={"val_accuracy": 0.5}).to_json()
_STATE = json.dumps({"epoch": 4, "step": 0, "history": [{"epoch": 1, "train_loss": 1.5}]})
_TENSORS = {
    "head.weight": torch.arange(6.0).reshape(2, 3),
    "train/step": torch.tensor(3),
    "x": torch.zeros(2, dtype=torch.bfloat16),
}
_TOKENS = (
    b'"F64"',
    b'"I4"',
    b'"BOOL"',
    b'"data_offsets"',
    b"[0,0]",
    b"[4294967296,4294967296]",
    b'"__metadata__"',
    b'"resnet18"',
)


def _file(metadata: dict[str, str]) -> bytes:
    return save(_TENSORS, metadata)


def _with_length(data: bytes) -> bytes:
    """A header of JSON with its true length before it, and the numbers of all tensors after it."""
    return len(data).to_bytes(8, "little") + data + bytes(64)


def _header(data: bytes) -> bytes:
    return data[8 : 8 + int.from_bytes(data[:8], "little")]


def _described(damaged: bytes) -> bytes:
    return _file({METADATA_KEY: damaged.decode("utf-8", "replace")})


def _with_state(damaged: bytes) -> bytes:
    return _file({METADATA_KEY: _DESCRIPTION, "train": damaged.decode("utf-8", "replace")})


def _whole() -> bytes:
    network = create_classifier(_MODEL, 3)
    return save(dict(network.state_dict()), {METADATA_KEY: _DESCRIPTION})


def _read(data: bytes) -> None:
    path = scratch_file("checkpoint", "m.safetensors", data)
    checkpoint = read_checkpoint(path)
    if checkpoint.weights.keys() - _TENSORS.keys():  # otherwise no network's
        load_classifier(path)


_SMALL = _file({METADATA_KEY: _DESCRIPTION, "train": _STATE})
TARGET = Target(
    [
        Form(_SMALL),
        Form(_header(_SMALL), _with_length),
        Form(_DESCRIPTION.encode(), _described),
        Form(_STATE.encode(), _with_state),
        Form(_whole()),
    ],
    _read,
    (*TEXT_TOKENS, *_TOKENS),
)
