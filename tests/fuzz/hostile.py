"""Valid files made hostile by a few edits: random bytes alone would only ever test a reader's first look."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hypothesis import strategies as st

MOST_BYTES = 2**20  # of a case; edits that repeat could grow without end

# What lengths, counts and offsets lie with.
NUMBERS = (0, 1, -1, 2, 127, 128, 255, 256, 32_767, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63)
# Small changes more often than large ones, after which little is left to read.
KINDS = (*("flip", "set", "number", "word") * 3, *("drop", "token") * 2, "cut", "repeat", "fill", "move", "splice")
_STEPS = 2**16


def _as_it_is(data: bytes) -> bytes:
    return data


@dataclass(frozen=True)
class Form:
    """Something valid to damage, and how it becomes a file.

    Attributes:
        data: what is damaged: a whole file, or the part of it that lies behind a checksum or a compression.
        wrap: makes the file from whatever is left of `data`, with lengths and checksums that fit.
    """

    data: bytes
    wrap: Callable[[bytes], bytes] = _as_it_is


@dataclass(frozen=True)
class Target:
    """A reader under test.

    Attributes:
        forms: valid input.
        read: the reader; for hostile input it may raise RecycleNetError, and nothing else.
        tokens: what is put into texts: words that mean something there, and what breaks parsers.
    """

    forms: Sequence[Form]
    read: Callable[[bytes], object]
    tokens: Sequence[bytes] = ()

    def cases(self) -> st.SearchStrategy[bytes]:
        """Hostile files; hypothesis shrinks a failing one to the fewest edits."""
        return st.builds(self._case, st.sampled_from(range(len(self.forms))), st.lists(EDITS, min_size=1, max_size=6))

    def random_case(self, rng: random.Random) -> bytes:
        """One hostile file."""
        return self._case(rng.randrange(len(self.forms)), random_edits(rng))

    def damage(self, data: bytes, edits: Sequence["Edit"]) -> bytes:
        """Any data with edits."""
        for edit in edits:
            data = self._edited(data, edit)[:MOST_BYTES]
        return data

    def _case(self, number: int, edits: Sequence["Edit"]) -> bytes:
        form = self.forms[number]
        return form.wrap(self.damage(form.data, edits))

    def _edited(self, data: bytes, edit: "Edit") -> bytes:
        kind, place, amount = edit.kind, edit.place * len(data) // _STEPS, edit.amount
        if kind == "token" and self.tokens:
            return data[:place] + self.tokens[amount % len(self.tokens)] + data[place:]
        if kind == "word" and self.tokens:
            start, end = _word_at(data, place)
            return data[:start] + self.tokens[amount % len(self.tokens)] + data[end:]
        if kind == "splice":
            other = self.forms[amount % len(self.forms)].data
            return data[:place] + other[edit.place * len(other) // _STEPS :]
        return _edited(data, kind, place, amount)


class Edit(NamedTuple):
    """One change: its kind, its place in 65,536ths of the data, and how much or which (0 to 255)."""

    kind: str
    place: int
    amount: int


EDITS = st.builds(Edit, st.sampled_from(KINDS), st.integers(0, _STEPS - 1), st.integers(0, 255))


def random_edits(rng: random.Random) -> list[Edit]:
    """One to six, mostly few."""
    count = min(rng.randint(1, 6), rng.randint(1, 6))
    return [Edit(rng.choice(KINDS), rng.randrange(_STEPS), rng.randrange(256)) for _ in range(count)]


def _edited(data: bytes, kind: str, place: int, amount: int) -> bytes:
    head, tail = data[:place], data[place:]
    if kind == "flip" and tail:
        return head + bytes([tail[0] ^ 1 << amount % 8]) + tail[1:]
    if kind == "set":
        return head + bytes([amount]) + tail[1:]
    if kind == "number":
        width, order = (1, 2, 4, 8)[amount % 4], ("little", "big")[amount // 4 % 2]
        number = NUMBERS[amount // 8 % len(NUMBERS)] % 2 ** (8 * width)
        return head + number.to_bytes(width, order) + tail[width:]
    if kind == "cut":
        return head
    if kind == "drop":
        return head + tail[1 + amount // 4 :]
    if kind == "repeat":
        return head + tail[: 1 + amount // 16] * (1 + amount % 16) ** 2 + tail
    if kind == "fill":
        return head + (b"\0", b"\xff")[amount % 2] * len(tail[: amount // 2]) + tail[amount // 2 :]
    if kind == "move":
        return tail[:amount] + head + tail[amount:]
    return data  # an edit of text where there are no words


_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-#/")


def _word_at(data: bytes, place: int) -> tuple[int, int]:
    start = end = place
    while start > 0 and data[start - 1] in _WORD:
        start -= 1
    while end < len(data) and data[end] in _WORD:
        end += 1
    return start, end


TEXT_TOKENS = (
    *(b"0", b"-1", b"1e999", b"nan", b"-inf", b"0x10", b"9" * 400, b"9" * 5000, b"1.5", b"true", b"null", b'""', b"''"),
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b"[" * 3000,
        b'{"a":' * 3000,
        b"a=[" + b"[" * 3000,
        b"a." * 60_000 + b"a=1\n",
        b"\n",
        b",",
    ),
    *(
        b"\0",
        b"\x1b[2J",
        b"\r",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        "\u202e\u0130é".encode(),
        b"\\ud800",
        b"\\u0000",
    ),
    *(b"../..", b"/etc/passwd", b"C:\\x", b"x" * 300, b"x" * 70_000, b"%s%n{0}", b'"""', b"#", b"=", b"1979-05-27"),
)
"""What parsers of JSON, TOML and CSV trip over."""
