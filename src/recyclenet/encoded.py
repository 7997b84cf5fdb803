"""Arrays as text, for descriptions in JSON."""

import base64
import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recyclenet.errors import RecycleNetError


def encode(values: NDArray[np.floating[Any]], dtype: str) -> str:
    """An array as base64 text; `dtype` as numpy names it, little-endian."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()


def decode(text: str, dtype: str, count: int, name: str) -> NDArray[np.float32]:
    """The array back, flat.

    Raises:
        RecycleNetError: no base64, or not `count` finite numbers; `name` says of what.
    """
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), dtype=dtype)
    except (binascii.Error, ValueError) as error:
        raise RecycleNetError(f"{name} must be numbers in base64 ({error})") from error
    if len(values) != count or not np.isfinite(values).all():
        raise RecycleNetError(f"{name} must hold {count} finite numbers")
    return values.astype(np.float32)
