"""A checkpoint as a function from images to logits and features, for evaluation beside exported models."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recyclenet.checkpoint import load_classifier
from recyclenet.description import ModelDescription
from recyclenet.models.classifier import Classifier
from recyclenet.training.device import choose_compute


class _LogitsAndFeatures(nn.Module):
    """Both in one tensor, (N, K + C), which several GPUs can compute in parts."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        logits, _, features = self.model.forward_outputs(images)
        return torch.cat([logits, features], dim=1)


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
    whole = _LogitsAndFeatures(network).to(compute.device).eval()

    def features_of(images: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            both = compute.forward(whole, compute.place(torch.from_numpy(images))).cpu().numpy()
        logits, features = np.split(np.asarray(both, dtype=np.float32), [len(description.classes)], axis=1)
        return logits, features

    return description, features_of
