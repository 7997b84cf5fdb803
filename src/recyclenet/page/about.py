"""What the page needs to know of the model behind it, and what programs get to know: nothing of where files lie."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import recyclenet
from recyclenet.predictor import Predictor
from recyclenet.rules import Rules


def about_model(
    predictor: Predictor, rules: Rules, *, takes_feedback: bool, limits: Mapping[str, float]
) -> dict[str, Any]:
    """The model, the bins and the limits as a JSON object; `limits` has at least body_bytes, the most of a photo."""
    description = predictor.description
    network = description.model
    return {
        "name": PurePath(predictor.name).name,
        "version": recyclenet.__version__,
        "network": f"{network.arch}, attention {network.attn}",
        "classes": list(predictor.classes),
        "img_size": predictor.preprocess.img_size,
        "resize": predictor.preprocess.resize,
        "calibrated": description.calibration is not None,
        "metrics": description.metrics,
        "bins": [
            {"key": key, "name": item.name, "colour": item.colour, "hint": item.hint}
            for key, item in rules.bins.items()
        ],
        "feedback": takes_feedback,
        "limits": dict(limits),
    }
