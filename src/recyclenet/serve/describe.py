"""What GET /v1/model says."""

from typing import Any

from recyclenet.page.about import about_model
from recyclenet.serve.service import Service


def described_model(service: Service) -> dict[str, Any]:
    """The JSON object, the same as long as the server runs."""
    limits = service.limits
    return about_model(
        service.answerer.predictor,
        service.answerer.rules,
        takes_feedback=service.feedback is not None,
        limits={
            "body_bytes": limits.body_bytes,
            "pixels": limits.pixels,
            "files": limits.files,
            "seconds": limits.seconds,
        },
    )
