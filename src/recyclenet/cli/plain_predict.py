"""The most frequent call, `recyclenet predict PHOTO…`, read without typer, which takes longer to load than an answer.

It knows three options and no more. Everything else, help and mistakes among it, is left to typer, which reads alike
what both know.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PlainPredict:
    """A call of `answer_here`; the fields are its arguments."""

    photos: tuple[str, ...]
    model: Path | None
    rules: str
    as_json: bool

    def run(self) -> None:
        """Answers, and ends the program as `recyclenet predict` does."""
        from recyclenet.cli.answer_here import answer_here

        failed = answer_here(list(self.photos), self.model, self.rules, as_json=self.as_json)
        sys.exit(1 if failed else 0)


def plain_predict(arguments: Sequence[str]) -> PlainPredict | None:
    """The call that the arguments are, or None where they may mean something else."""
    # On Windows, where shells do not, typer replaces ~, variables and globs.
    if arguments[:1] != ["predict"] or os.name == "nt":
        return None
    photos: list[str] = []
    values: dict[str, str] = {}
    as_json = False
    rest = iter(arguments[1:])
    for argument in rest:
        if argument == "--json":
            as_json = True
        elif argument in ("--model", "--rules"):
            value = next(rest, "-")
            if value.startswith("-"):
                return None
            values[argument] = value
        elif argument.startswith("-"):
            return None
        else:
            photos.append(argument)
    if not photos:
        return None
    model = values.get("--model")
    return PlainPredict(
        tuple(photos), None if model is None else Path(model), values.get("--rules", "default"), as_json
    )
