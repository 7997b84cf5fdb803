"""Inside a checkpoint: one forward and one short backward pass give all maps of a photo."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recyclenet.calibration import calibrated_probs
from recyclenet.checkpoint import load_classifier
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Model
from recyclenet.models.classifier import Classifier
from recyclenet.models.observe import find_layer, find_spatial_gate, observe
from recyclenet.photo import load_photo
from recyclenet.visualize.viewer import Panels, Viewer

LAST_MAP = "backbone"
"""The layer whose output is the map after the last block, before attention at the end."""


@dataclass(frozen=True)
class Maps:
    """A batch looked into; all float32.

    Attributes:
        logits: (N, K).
        evidence: (N, K, h, w); see `Classifier.forward_evidence`.
        features: (N, C, h, w), the map after the last block.
        gate: (N, 1, h, w) in [0, 1], the last spatial gate, or None where the network has none.
        grad_cam: (N, h, w), at least 0, for each picture's answer.
    """

    logits: Tensor
    evidence: Tensor
    features: Tensor
    gate: Tensor | None
    grad_cam: Tensor


def look_inside(model: Classifier, images: Tensor, layer: str = LAST_MAP) -> Maps:
    """Reads a network's maps for images (N, 3, H, W); parameters, gradients and hooks stay as they were.

    Args:
        model: in eval mode.
        images: normalised.
        layer: full name of the submodule that Grad-CAM is for.

    Raises:
        RecycleNetError: the layer is not called for the answer, or does not give maps (N, C, h, w).
    """
    gate = find_spatial_gate(model)
    # Also where the parameters are frozen every layer then has a gradient.
    images = images.detach().requires_grad_()
    with observe(model, [LAST_MAP, layer, *([gate] if gate is not None else [])]) as seen, torch.enable_grad():
        logits, evidence = model.forward_evidence(images)
        grad_cam = _grad_cam(logits, seen, layer)
    return Maps(
        logits=logits.detach(),
        evidence=evidence.detach(),
        features=seen[LAST_MAP].detach(),
        gate=None if gate is None else seen[gate].detach(),
        grad_cam=grad_cam,
    )


def _grad_cam(logits: Tensor, seen: dict[str, Tensor], layer: str) -> Tensor:
    """Grad-CAM (https://arxiv.org/abs/1610.02391) of every picture's greatest logit, as (N, h, w).

    Channels weighted by the mean gradient of the logit, summed, and cut at 0.
    """
    if layer not in seen:
        raise RecycleNetError(f"the layer {layer!r} is not called on its own for an answer; choose another one")
    features = seen[layer]
    if features.ndim != 4:
        raise RecycleNetError(f"the layer {layer!r} gives {tuple(features.shape)}, not maps (N, C, h, w)")
    (gradient,) = torch.autograd.grad(logits.max(dim=1).values.sum(), features, materialize_grads=True)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * features.detach()).sum(dim=1).clamp(min=0)


def open_checkpoint(path: str | Path, layer: str | None = None) -> Viewer:
    """A checkpoint as a `Viewer`, on the CPU.

    Raises:
        RecycleNetError: as `load_classifier`; or an unknown layer, with near matches.
    """
    model, description = load_classifier(path)
    try:
        full_name = LAST_MAP if layer is None else find_layer(model, layer)
    except RecycleNetError as error:
        raise RecycleNetError(f"{path}: {error}") from error
    preprocess = description.preprocess

    def logits_of(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(model(torch.from_numpy(images)).numpy(), dtype=np.float32)

    def look(photo: str) -> Panels:
        view = preprocess.view(load_photo(photo, min_side=preprocess.resize))
        maps = look_inside(model, torch.from_numpy(preprocess.normalize(view)[None]), full_name)
        probs = calibrated_probs(maps.logits.numpy(), description.calibration)[0]
        best = int(probs.argmax())
        return Panels(
            label=description.classes[best],
            prob=float(probs[best]),
            index=best,
            view=view,
            evidence=maps.evidence[0].numpy(),
            features=maps.features[0].mean(dim=0).numpy(),
            gate=None if maps.gate is None else maps.gate[0, 0].numpy(),
            grad_cam=maps.grad_cam[0].numpy(),
        )

    return Viewer(Model(str(path), "checkpoint", description, logits_of), look, full_name)
