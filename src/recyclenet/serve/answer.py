"""One photo's answer as the JSON object that goes out, the same as `recyclenet predict --json` with the bin in full."""

import base64
import io
from typing import Any

from PIL import Image

from recyclenet.errors import PhotoError
from recyclenet.photo import load_photo
from recyclenet.pictures.heatmap import heatmap
from recyclenet.predictor import Prediction, Predictor
from recyclenet.rules import Decision, Rules
from recyclenet.serve.multipart import Upload
from recyclenet.serve.problems import problem_document


class Answerer:
    """Answers for uploads; safe to share between threads.

    Args:
        predictor: the model, with one thread an inference where many run at once.
        rules: which material goes where.
        max_pixels: of one photo.
    """

    def __init__(self, predictor: Predictor, rules: Rules, max_pixels: int) -> None:
        self.predictor = predictor
        self.rules = rules
        self._max_pixels = max_pixels

    def load(self, data: bytes, min_side: int) -> Image.Image:
        """As `load_photo`, within this server's limit; errors name no file."""
        return load_photo(data, min_side=min_side, max_pixels=self._max_pixels)

    def answer(self, upload: Upload, with_pictures: bool) -> dict[str, Any]:
        """The answer, or {"error": a problem document} for what is no usable photo.

        Args:
            upload: the photo's file.
            with_pictures: also what the model saw and its evidence, as data addresses of JPEGs.
        """
        name = {} if upload.name is None else {"name": upload.name}
        try:
            photo = self.load(upload.data, self.predictor.preprocess.resize)
        except PhotoError as error:
            return {**name, "error": problem_document(422, error.reason)}
        made = self.predictor.predict(photo)
        decision = self.rules.decide(made.probs, is_unknown=made.is_unknown)
        return {**name, **_described(made, decision), **({"pictures": _pictures(made)} if with_pictures else {})}


def _described(made: Prediction, decision: Decision) -> dict[str, Any]:
    target = decision.bin
    return {
        **made.to_table(),
        "state": _state(made),
        "verdict": made.verdict,
        "bin": {"key": decision.key, "name": target.name, "colour": target.colour, "hint": target.hint},
        "reason": decision.reason,
        "ms": round(made.ms, 3),
    }


def _state(made: Prediction) -> str:
    if made.is_unknown:
        return "none of these"
    return "sure" if made.verdict == made.label else "not sure"


def _pictures(made: Prediction) -> dict[str, str]:
    return {"view": _data_address(made.view), "heatmap": _data_address(heatmap(made))}


def _data_address(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
