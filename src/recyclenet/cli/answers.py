"""Photos in, answers out: the rows that `predict` and `demo` share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from recyclenet.cli.console import table_console
from recyclenet.errors import PhotoError
from recyclenet.predictor import Prediction, Predictor
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
            **made.to_table(),
            "bin": None if self.decision is None else self.decision.bin.name,
            "ms": round(made.ms, 3),
        }


def answer_photos(predictor: Predictor, paths: Iterable[str], rules: Rules) -> Iterator[Answer]:
    """One answer a photo with the bin that the rules choose; a photo that cannot be used does not stop the rest."""
    for path in paths:
        try:
            made = predictor.predict(path)
            yield Answer(path, made, decision=rules.decide(made.probs, is_unknown=made.is_unknown))
        except PhotoError as error:
            yield Answer(path, None, error.reason)


def _one_line(path: str) -> Text:
    """A file's name in a table: what would break a line or is no character is shown escaped."""
    return Text("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path))


class AnswerTable:
    """The table for people, filled row by row; holds texts only, so that memory stays small."""

    def __init__(self) -> None:
        self._table = Table("photo", "answer", "probability", "bin", "ms")
        self._table.columns[0].overflow = "fold"
        for number in (2, 4):
            self._table.columns[number].justify = "right"

    def add(self, answer: Answer) -> None:
        """A row: the answer, or the reason why there is none."""
        if answer.prediction is None or answer.decision is None:
            self._table.add_row(_one_line(answer.path), Text(f"error: {answer.error}", style="red"), "", "", "")
            return
        made, target = answer.prediction, answer.decision.bin
        self._table.add_row(
            _one_line(answer.path),
            Text(made.verdict),
            f"{100 * made.prob:.1f} %",
            Text(f"● {target.name}", style=target.colour),
            f"{made.ms:.1f}",
        )

    def print(self) -> None:
        """To standard output."""
        table_console().print(self._table)
