"""Files of torch.save, read without running anything that they hold."""

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from recyclenet.errors import RecycleNetError
from recyclenet.model_files import TORCH_FILES

_ZIP = b"PK\x03\x04"  # how torch.save's files begin; older ones are bare pickles and go by their ending


def is_torch_file(path: Path) -> bool:
    """Whether an existing file was written by torch.save, by its ending or its first bytes."""
    if path.name.endswith(TORCH_FILES):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(len(_ZIP)) == _ZIP
    except OSError:  # whoever goes on to read it says so
        return False


def load_torch_file(path: Path) -> Any:
    """Tensors (on the CPU) and plain values of a file, in torch's zip format or the one before it.

    Raises:
        RecycleNetError: missing, damaged, holding any other object (unpickling can run code, so it is refused), or
            made to take more memory than the file has bytes.
    """
    if not path.is_file():
        raise RecycleNetError(f"no checkpoint at {path}")
    _check_size(path)
    try:
        # Opened here, because torch would go by the ending of a name.
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: what cannot be read raises
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f" ({found[1]})" if found else ""
        raise RecycleNetError(
            f"{path} is refused: not made of tensors and plain values alone{what}, and anything else could run code"
        ) from error
    # torch.load reports damage by errors of many kinds, none of them its own.
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise RecycleNetError(f"{path} is not a readable torch file: {lines[0][:160]}") from error
    for tensor in _tensors(loaded):
        # Copied, a tensor that repeats a few numbers takes as much memory as its shape says.
        if tensor.layout != torch.strided or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise RecycleNetError(f"{path} is refused: a tensor in it claims {tuple(tensor.shape)}, more than it holds")
    return loaded


def _check_size(path: Path) -> None:
    """torch.save does not compress: where parts unpack to more than the file has, somebody wants memory to run out."""
    try:
        with zipfile.ZipFile(path) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):  # the older format, or damage
        return
    if unpacked > (size := path.stat().st_size):
        raise RecycleNetError(f"{path} is refused: its {size:,} bytes unpack to {unpacked:,}, which torch never does")


def _tensors(loaded: Any) -> Iterator[Tensor]:
    """All tensors in nested tables and lists, which may hold themselves."""
    waiting, seen = [loaded], set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (dict, list, tuple)) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values() if isinstance(value, dict) else value
