"""What every engine does with a part, in any process on any machine: items in, rows out."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from recyclenet.answers import Answer, answer_photo
from recyclenet.bulk.items import Part
from recyclenet.bulk.read_ahead import read_ahead
from recyclenet.errors import PhotoError
from recyclenet.predictor import Predictor
from recyclenet.rules import Rules


@dataclass(frozen=True)
class Work:
    """All that a process needs to answer parts; small enough to be sent to each."""

    model: bytes
    model_name: str
    rules: Rules


class Worker:
    """Holds a loaded model, one thread an inference: there is a worker for every core."""

    def __init__(self, work: Work) -> None:
        self._predictor = Predictor(work.model, threads=1, name=work.model_name)
        self._rules = work.rules
        self._schema = answer_schema(self._predictor.classes)

    def answer(self, part: Part) -> pa.Table:
        """One row an item, in the items' order, with `answer_schema`; what cannot be read is a row with an error."""
        rows: list[dict[str, Any]] = [{} for _ in part.items]
        for place, data in read_ahead([item.found_from(part.folder) for item in part.items]):
            name = part.items[place].name
            if isinstance(data, PhotoError):
                answer = Answer(name, None, data.reason)
            else:
                answer = answer_photo(self._predictor, name, data, self._rules)
            rows[place] = {"id": part.first + place, **_flat(answer)}
        return pa.Table.from_pylist(rows, self._schema)


def answer_schema(classes: tuple[str, ...]) -> pa.Schema:
    """Columns of the answers: those of `predict --json`, each class's probability in a column of its own."""
    return pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("path", pa.string(), nullable=False),
            pa.field("label", pa.string()),
            pa.field("prob", pa.float64()),
            *(pa.field(f"prob_{name}", pa.float64()) for name in classes),
            pa.field("set", pa.list_(pa.string())),
            pa.field("unknown", pa.float64()),
            pa.field("bin", pa.string()),
            pa.field("error", pa.string()),
        ]
    )


def _flat(answer: Answer) -> dict[str, Any]:
    row = answer.to_table()
    row.update((f"prob_{name}", value) for name, value in row.pop("probs", {}).items())
    row.pop("ms", None)  # differs from run to run; the rest does not
    # Parquet's text is Unicode; a file's name may not be.
    return row | {"path": row["path"].encode("utf-8", "backslashreplace").decode("utf-8")}
