"""A model that can be looked into: any kind of model file, and what it makes of one photo."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recyclenet.evaluate import Model, exported_model
from recyclenet.extras import require_extra
from recyclenet.model_files import BUNDLED, EXPORTED
from recyclenet.predictor import Predictor


@dataclass(frozen=True)
class Panels:
    """What one model makes of one photo.

    Attributes:
        label: its answer.
        prob: the answer's probability, in [0, 1].
        index: the answer's place among the classes.
        view: the RGB square that the model saw.
        evidence: (K, h, w) float32, each class's evidence by place; its mean over h and w is the logit.
        features: (h, w) float32, the last block's map averaged over its channels; None for exported models,
            whose inside cannot be read.
        gate: (h, w) float32 in [0, 1], the last spatial gate; None for networks without one.
        grad_cam: (h, w) float32, at least 0, Grad-CAM for the answer; None for exported models.
    """

    label: str
    prob: float
    index: int
    view: Image.Image
    evidence: NDArray[np.float32]
    features: NDArray[np.float32] | None = None
    gate: NDArray[np.float32] | None = None
    grad_cam: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Viewer:
    """A model as `evaluate` takes it, and `look`: a photo's path → `Panels`; raises PhotoError.

    `layer` is the full name of the layer that Grad-CAM is for; None for exported models.
    """

    model: Model
    look: Callable[[str], Panels]
    layer: str | None


def open_viewer(path: str | Path, layer: str | None = None) -> Viewer:
    """Opens a checkpoint, an exported .onnx file, or "bundled".

    Args:
        path: the model.
        layer: where Grad-CAM is taken, for checkpoints; the backbone's last map by default.

    Raises:
        RecycleNetError: as `load_classifier` and `Predictor`; an unknown layer; or torch is not installed.
    """
    if str(path) == BUNDLED or str(path).endswith(EXPORTED):
        return _open_exported(Predictor(None if str(path) == BUNDLED else path))
    require_extra("train", "looking into a checkpoint")
    # Exported models need no torch.
    from recyclenet.visualize.inside import open_checkpoint

    return open_checkpoint(path, layer)


def _open_exported(predictor: Predictor) -> Viewer:
    def look(photo: str) -> Panels:
        made = predictor.predict(photo)
        return Panels(made.label, made.prob, predictor.classes.index(made.label), made.view, made.evidence)

    return Viewer(exported_model(predictor), look, None)
