"""What an audit can find, in words and as rows of a table."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

KINDS = {
    "conflict": "one picture, two labels",
    "leak": "one picture in two splits",
    "held-twice": "almost every photo is there twice",
    "unreadable": "cannot be read",
    "duplicate": "one picture more than once",
    "label": "looks like another class",
    "odd": "an unusual file",
    "imbalance": "classes of very different size",
}
"""Every kind of finding with its name for people, the gravest first."""

SERIOUS = frozenset({"conflict", "leak", "held-twice", "unreadable"})
"""Kinds that make figures wrong or training fail; `--strict` fails on them. The others are worth a look."""


@dataclass(frozen=True)
class Finding:
    """One thing to look at.

    Attributes:
        kind: one of KINDS. A pair with two labels is a conflict, whether or not it also crosses splits.
        reason: in words.
        photo, label, split: which photo; empty where a finding is about the whole folder; split empty where the
            folder is not split.
        other, other_label, other_split: the second photo of a pair; for kind "label", other_label is the class that
            the photo looks like.
        score: of pairs the correlation of details (1: the same bytes), of labels the label's probability; else None.
    """

    kind: str
    reason: str
    photo: str = ""
    other: str = ""
    label: str = ""
    other_label: str = ""
    split: str = ""
    other_split: str = ""
    score: float | None = None

    @property
    def is_serious(self) -> bool:
        """Whether `--strict` fails on it."""
        return self.kind in SERIOUS

    @property
    def crosses_splits(self) -> bool:
        """Whether it is a pair with one photo in one split and one in another."""
        return bool(self.other) and self.split != self.other_split


COLUMNS = ("kind", "photo", "other", "label", "other_label", "split", "other_split", "score", "reason")


def to_csv(findings: Iterable[Finding]) -> str:
    """A row a finding: COLUMNS, score with four decimals or empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for finding in findings:
        score = "" if finding.score is None else f"{finding.score:.4f}"
        values = [getattr(finding, name) for name in COLUMNS]
        values[COLUMNS.index("score")] = score
        writer.writerow(values)
    return text.getvalue()
