"""TOML within limits: what makes tomllib slow, deep or large is refused at once."""

import time

import pytest

from recyclenet.errors import RecycleNetError
from recyclenet.toml_file import MAX_BYTES, parse_toml, read_toml


def test_tables_come_as_they_are(tmp_path):
    (tmp_path / "a.toml").write_text("# " + "." * 200 + '\n[bins.paper]\nname = "café"\r\nweights = [1.5, 2]\n')
    assert read_toml(tmp_path / "a.toml", "it") == {"bins": {"paper": {"name": "café", "weights": [1.5, 2]}}}


def test_a_mark_at_the_beginning_is_passed_over(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert read_toml(tmp_path / "a.toml", "it") == {"a": 1}
    (tmp_path / "a.toml").write_bytes(b"a = 1\n\xef\xbb\xbfb = 2")
    with pytest.raises(RecycleNetError, match="Invalid statement"):
        read_toml(tmp_path / "a.toml", "it")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a." * 60_000 + b"a = 1", "more than 100 dots in line 1"),
        (b"b = 1\n" + '"\u2028".'.encode() * 20_000 + b"a = 1", "more than 100 dots in line 2"),
        (b"[" + b"a." * 60_000 + b"a]", "more than 100 dots in line 1"),
        (b"a = " + b"[" * 50_000, "brackets in brackets"),
        (b"a = " + b"{a=" * 50_000, "brackets in brackets"),
        (b"a = " + b"9" * 5000, "Exceeds the limit"),
        (b"a = '\xff'", "can't decode"),
        (b"#" * (MAX_BYTES + 1), "more than 256 KiB"),
        (b"a", "Expected"),
    ],
)
def test_what_is_refused_is_refused_at_once(tmp_path, data, reason):
    (tmp_path / "a.toml").write_bytes(data)
    started = time.process_time()
    with pytest.raises(RecycleNetError, match=r"^the rules cannot be read: ") as caught:
        read_toml(tmp_path / "a.toml", "the rules")
    assert time.process_time() - started < 2
    assert reason in str(caught.value)


def test_the_most_dots_that_are_allowed():
    table = parse_toml("a." * 100 + "a = 1")
    for _ in range(100):
        table = table["a"]
    assert table == {"a": 1}


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RecycleNetError, match=r"the recipe x cannot be read: .*No such file"):
        read_toml(tmp_path / "none.toml", "the recipe x")
