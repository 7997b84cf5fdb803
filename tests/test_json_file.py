import pytest

from recyclenet.errors import RecycleNetError
from recyclenet.json_file import read_json


def test_what_was_written_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"ä": [1, 2.5, null]}', encoding="utf-8")
    assert read_json(tmp_path / "a.json") == {"ä": [1, 2.5, None]}


def test_no_file_is_for_the_caller_to_tell(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json", "advice")


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"a": 1} {'])
@pytest.mark.parametrize("advice", ["", "choose another --out"])
def test_a_damaged_file_is_said_with_advice(tmp_path, data, advice):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(RecycleNetError, match="is damaged: it is not JSON") as raised:
        read_json(tmp_path / "a.json", advice)
    assert str(raised.value).startswith(str(tmp_path / "a.json"))
    assert str(raised.value).endswith(f"; {advice}" if advice else ")")


def test_what_cannot_be_read_is_not_called_damaged(tmp_path):
    """Advice to remove a file would lose what only a disk or a right keeps from being read."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(RecycleNetError, match="cannot be read") as raised:
        read_json(tmp_path / "folder", "remove it")
    assert "remove" not in str(raised.value)
