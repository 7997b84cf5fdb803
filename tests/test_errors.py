"""What errors say is one line that a terminal shows as it is."""

import pickle

import pytest

from recyclenet.errors import PhotoError, RecycleNetError, first_line


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("café: expected é, found 日本", "café: expected é, found 日本"),
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("\x1b[2J\x07\0", "\\x1b[2J\\x07\\x00"),
        ("gpj.\u202ephoto", "gpj.\\u202ephoto"),
        ("caf\udce9.jpg", "caf\\udce9.jpg"),
    ],
)
def test_what_would_steer_a_terminal_is_escaped(message, shown):
    assert str(RecycleNetError(message)) == shown
    error = PhotoError("a.jpg", message)
    assert str(error) == f"a.jpg: {shown}"
    assert error.reason == message
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_of_a_very_long_one_beginning_and_end_are_left():
    text = str(RecycleNetError(f"m.onnx: unknown setting {'x' * 100_000}: remove it"))
    assert text.startswith("m.onnx: unknown setting xxx")
    assert text.endswith("xxx: remove it")
    assert len(text) == 3003
    assert str(RecycleNetError("y" * 3000)) == "y" * 3000


class _OddError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "MemoryError"),
        (_OddError("\n  \n"), "_OddError"),
        (_OddError("\n first \nsecond"), "first "),
        (_OddError("x" * 500), "x" * 120),
        (FileNotFoundError(2, "No such file or directory", "name"), "No such file or directory"),
    ],
)
def test_the_first_line_that_says_anything(error, line):
    assert first_line(error) == line
