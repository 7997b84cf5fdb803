"""A checkpoint as a function from images to logits, for evaluation beside exported models."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from recyclenet.checkpoint import load_classifier
from recyclenet.description import ModelDescription


def load_checkpoint_model(
    path: str | Path,
) -> tuple[ModelDescription, Callable[[NDArray[np.float32]], NDArray[np.float32]]]:
    """The checkpoint's description, and images (N, 3, H, W) → logits (N, K) in float32 on the CPU.

    Raises:
        RecycleNetError: as `load_classifier`.
    """
    model, description = load_classifier(path)

    def logits_of(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(model(torch.from_numpy(images)).numpy(), dtype=np.float32)

    return description, logits_of
