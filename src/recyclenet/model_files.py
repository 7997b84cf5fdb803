"""Model files by their names: how they end, and what "bundled" stands for."""

from importlib.resources import files
from pathlib import Path

EXPORTED = ".onnx"
"""Ending of what `recyclenet export` writes."""

CHECKPOINT = ".safetensors"
"""Ending of this project's checkpoints."""

TORCH_FILES = (".pth.tar", ".pth")
"""Endings of the checkpoints that the original and its users write."""

CHECKPOINTS = (CHECKPOINT, *TORCH_FILES)

BUNDLED = "bundled"
"""What people write for the bundled model where a model's file is expected."""

_BUNDLED_CHECKPOINT = "trashnet-mobilenetv2.safetensors"


def is_bundled(model: str | Path) -> bool:
    """Whether the bundled model is meant: its word, and no file of that name."""
    return str(model) == BUNDLED and not Path(model).exists()


def checkpoint_file(model: str | Path) -> Path:
    """A model's file as it was named, or for "bundled" the checkpoint that the bundled model was made from."""
    if is_bundled(model):
        return Path(str(files("recyclenet.bundled").joinpath(_BUNDLED_CHECKPOINT)))
    return Path(model)
