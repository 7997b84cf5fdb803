"""What GET /v1/model says: nothing of where files lie on the server."""

from pathlib import PurePath
from typing import Any

import recyclenet
from recyclenet.serve.service import Service


def described_model(service: Service) -> dict[str, Any]:
    """The JSON object, the same as long as the server runs."""
    predictor, rules, limits = service.answerer.predictor, service.answerer.rules, service.limits
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
        "feedback": service.feedback is not None,
        "limits": {
            "body_bytes": limits.body_bytes,
            "pixels": limits.pixels,
            "files": limits.files,
            "seconds": limits.seconds,
        },
    }
