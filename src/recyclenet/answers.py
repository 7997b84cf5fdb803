"""A photo's answer with the bin that it goes in, as programs read it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from recyclenet.errors import PhotoError
from recyclenet.predictor import AnyPhoto, Prediction, Predictor
from recyclenet.rules import Decision, Rules


@dataclass(frozen=True)
class Answer:
    """A photo's path as given, with its prediction or the reason why there is none."""

    path: str
    prediction: Prediction | None
    error: str | None = None
    decision: Decision | None = None

    def to_table(self) -> dict[str, Any]:
        """The JSON object of `predict --json`."""
        if self.prediction is None:
            return {"path": self.path, "error": self.error}
        made = self.prediction
        return {
            "path": self.path,
            "label": made.label,
            "prob": made.prob,
            "probs": made.probs,
            "set": None if made.possible is None else list(made.possible),
            "unknown": made.unknown,
            "bin": None if self.decision is None else self.decision.bin.name,
            "ms": round(made.ms, 3),
        }


def answer_photo(predictor: Predictor, path: str, photo: AnyPhoto, rules: Rules) -> Answer:
    """The answer for one photo; `path` is what it is called. A photo that cannot be used is an answer, too."""
    try:
        made = predictor.predict(photo)
    except PhotoError as error:
        return Answer(path, None, error.reason)
    return Answer(path, made, decision=rules.decide(made.probs, is_unknown=made.is_unknown))


def answer_photos(predictor: Predictor, paths: Iterable[str], rules: Rules) -> Iterator[Answer]:
    """One answer a photo with the bin that the rules choose; a photo that cannot be used does not stop the rest."""
    return (answer_photo(predictor, path, path, rules) for path in paths)
