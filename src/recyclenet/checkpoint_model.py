"""A checkpoint as a function from images to logits and features, for evaluation beside exported models."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from recyclenet.checkpoint import load_classifier
from recyclenet.description import ModelDescription
from recyclenet.training.device import choose_compute


def load_checkpoint_model(
    path: str | Path, device: str = "cpu"
) -> tuple[ModelDescription, Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]]:
    """The checkpoint's description, and images (N, 3, H, W) → logits (N, K) and features (N, C) in float32.

    Args:
        path: the checkpoint.
        device: where the network computes, as torch names it; images come from and outputs go to the CPU.

    Raises:
        RecycleNetError: as `load_classifier`, or a device that this machine does not have.
    """
    compute = choose_compute(device, channels_last=False)
    network, description = load_classifier(path)
    network.to(compute.device).eval()

    def features_of(images: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            logits, _, features = network.forward_outputs(compute.place(torch.from_numpy(images)))
        return logits.cpu().numpy(), features.cpu().numpy()

    return description, features_of
