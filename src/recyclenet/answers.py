"""Photos in, answers with their bins out: what every command says of a photo, one row each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recyclenet.ahead import map_ahead
from recyclenet.errors import PhotoError
from recyclenet.machine import usable_cores
from recyclenet.predictor import AnyPhoto, Prediction, Predictor
from recyclenet.rules import Decision, Rules

_MANY = 32  # fewer are answered before a second thread would have paid for itself


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
            **made.to_table(),
            "bin": None if self.decision is None else self.decision.bin.name,
            "ms": round(made.ms, 3),
        }


def open_predictor(model: Path | None, photos: int) -> Predictor:
    """A predictor for so many photos: all cores for one photo at a time, or one core each for several at once."""
    return Predictor(model, threads=1 if photos >= _MANY else None)


def answer_photo(predictor: Predictor, path: str, photo: AnyPhoto, rules: Rules) -> Answer:
    """The answer for one photo; `path` is what it is called. A photo that cannot be used is an answer, too."""
    try:
        made = predictor.predict(photo)
    except PhotoError as error:
        return Answer(path, None, error.reason)
    return Answer(path, made, decision=rules.decide(made.probs, is_unknown=made.is_unknown))


def answer_photos(predictor: Predictor, paths: Sequence[str], rules: Rules) -> Iterator[Answer]:
    """One answer a photo with the bin that the rules choose, in the order of the photos.

    Many photos are answered several at once: decoding uses one core only, so that one after the other leaves the
    others idle.
    """
    workers = usable_cores() if len(paths) >= _MANY else 1
    return map_ahead(lambda path: answer_photo(predictor, path, path, rules), paths, workers)
