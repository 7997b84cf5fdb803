"""Parts are there whole, belong to their job, and are counted without reading their rows."""

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from recyclenet.bulk.parts import PartFolder
from recyclenet.bulk.work import answer_schema
from recyclenet.errors import RecycleNetError

SCHEMA = answer_schema(("glass", "paper"))


def rows(first, count, errors=0):
    return pa.Table.from_pylist(
        [
            {"id": first + n, "path": f"{first + n}.jpg", "error": "broken" if n < errors else None}
            for n in range(count)
        ],
        SCHEMA,
    )


@pytest.fixture
def folder(tmp_path):
    return PartFolder(tmp_path, "this job")


def test_what_is_committed_is_there(folder, tmp_path):
    assert folder.done() == []
    assert folder.commit(1, rows(3, 3, errors=2)) == 2
    assert folder.commit(1_234_567, rows(0, 1)) == 0
    assert folder.done() == [1, 1_234_567]
    assert folder.check(1, 3) == 2
    assert folder.check(1_234_567, 1) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-000001.parquet", "part-1234567.parquet"]


def test_readers_of_the_folder_see_answers_alone(folder, tmp_path):
    folder.commit(0, rows(0, 2))
    folder.commit(1, rows(2, 2))
    (tmp_path / "_inputs.parquet").write_bytes(b"something else")
    (tmp_path / ".0123456789abcdef.parquet").write_bytes(b"half a part")
    assert ds.dataset(tmp_path).to_table()["id"].to_pylist() == [0, 1, 2, 3]


def test_foreign_and_damaged_parts_are_named(folder, tmp_path):
    folder.commit(0, rows(0, 3))
    with pytest.raises(RecycleNetError, match=r"part-000000.parquet has 3 rows, expected 4: delete it"):
        folder.check(0, 4)
    with pytest.raises(RecycleNetError, match=r"part-000000.parquet is not of this job"):
        PartFolder(tmp_path, "another").check(0, 3)
    path = folder.file(0)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecycleNetError, match=r"part-000000.parquet is damaged: delete it"):
        folder.check(0, 3)


def test_leftovers_of_a_kill_go_and_nothing_else(folder, tmp_path):
    kept = [".lock", "_job.json", "part-000000.parquet", ".mine.parquet", "0123456789abcdef.parquet"]
    for name in [*kept, ".0123456789abcdef.parquet", ".00000000000000ff.json"]:
        (tmp_path / name).write_bytes(b"")
    folder.remove_leftovers()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_a_part_that_cannot_be_written_leaves_nothing(folder, tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(RecycleNetError, match="No space left"):
        folder.commit(0, rows(0, 3))
    assert list(tmp_path.iterdir()) == []
