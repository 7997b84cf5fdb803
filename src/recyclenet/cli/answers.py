"""The table of answers that `predict` and `demo` share."""

from rich.table import Table
from rich.text import Text

from recyclenet.answers import Answer
from recyclenet.cli.console import table_console


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
