"""safetensors files written and read, with errors of one kind for everything that can be wrong with them."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from recyclenet.errors import RecycleNetError, first_line


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes contiguous tensors that share no memory.

    Raises:
        OSError: it cannot be written, for example because the disk is full.
    """
    try:
        save_file(tensors, path, metadata=dict(metadata))
    except SafetensorError as error:  # its one type for everything, a full disk included
        number = re.search(r"\(os error (\d+)\)", str(error))
        raise OSError(*((int(number[1]), os.strerror(int(number[1]))) if number else (str(error),))) from error


def digest_tensors(tensors: Mapping[str, Tensor], start: bytes = b"") -> str:
    """SHA-256 over names and bytes of tensors, in the order of the names, after `start`."""
    digest = hashlib.sha256(start)
    for name in sorted(tensors):
        digest.update(name.encode())
        # As bytes: numpy lacks some of torch's types.
        digest.update(tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read_tensors(path: Path, what: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors, on the CPU, and the metadata.

    Args:
        path: an existing file.
        what: what it should have been, for the error.

    Raises:
        RecycleNetError: torn, of another format, or with a header that does not fit what follows it.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
    # The reader has a type of its own, but sizes and dtypes that torch does not have end in errors of torch and Python.
    except Exception as error:
        reason = first_line(error, 200)
        raise RecycleNetError(f"{path} is not a readable {what}: {reason}") from error
