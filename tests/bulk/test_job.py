"""A job from its first photo to its last: the right rows, once, over as many runs as it takes."""

import json
import os
import signal
import tarfile
from dataclasses import replace

import fsspec
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from recyclenet.bulk.engine import Answered
from recyclenet.bulk.job import LISTING_FILE, run_job
from recyclenet.bulk.local import LocalEngine
from recyclenet.bulk.work import Worker
from recyclenet.data.folder import find_photos
from recyclenet.errors import RecycleNetError
from recyclenet.lock import lock_folder
from tests.bulk.conftest import tiny_model


class Here:
    """An engine in this process, which can be told to fail or to be stopped after some parts."""

    workers = 1

    def __init__(self, after=None, do=None):
        self.after, self.do, self.began = after, do, []

    def run(self, work, listing, parts, is_stopped):
        worker = Worker(work)
        for number in parts:
            if len(self.began) == self.after:
                self.do()
            if is_stopped():
                return
            self.began.append(number)
            yield Answered(number, worker.answer(listing.part(number)), "here")


def interrupt():
    os.kill(os.getpid(), signal.SIGTERM)


def answers(out):
    return ds.dataset(out).to_table().sort_by("id").to_pylist()


def test_rows_are_those_of_predict(photos, work, tiny, tmp_path, run):
    report = run_job([str(photos)], tmp_path / "out", work, Here(), part_size=5)
    assert (report.total, report.done, report.unreadable, report.answered_now) == (11, 11, 1, 11)
    assert report.is_complete
    _, printed, _ = run("predict", "--json", "--model", tiny, photos)
    lines = [json.loads(line) for line in printed.splitlines()]
    found = answers(tmp_path / "out")
    assert [row.pop("id") for row in found] == list(range(11))
    for row, line in zip(found, lines, strict=True):
        line.pop("ms", None)
        wanted = dict.fromkeys(row) | {f"prob_{k}": v for k, v in line.pop("probs", {}).items()} | line
        assert row == pytest.approx(wanted, abs=1e-6)
    assert [row["path"] for row in found if row["error"]] == [str(photos / "metal" / "broken.jpg")]


def test_processes_give_the_same_rows(photos, work, tmp_path):
    alone = run_job([str(photos)], tmp_path / "one", work, Here(), part_size=3)
    report = run_job([str(photos)], tmp_path / "two", work, LocalEngine(2), part_size=3)
    assert replace(report, seconds=alone.seconds, workers=1) == alone
    assert answers(tmp_path / "two") == answers(tmp_path / "one")


def test_shards_stores_and_lists_give_the_same_answers(photos, work, tmp_path):
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        tar.add(photos, ".")
    system = fsspec.filesystem("memory")
    system.put(str(tmp_path / "s.tar"), "/bucket/s.tar")
    system.put(f"{photos}/", "/bucket/photos/", recursive=True)
    (tmp_path / "list.txt").write_text("".join(f"{path}\n" for path in find_photos(photos)))

    def answered(out, *arguments, **options):
        run_job(arguments, tmp_path / out, work, Here(), part_size=4, **options)
        rows = answers(tmp_path / out)
        return sorted(str([value for key, value in row.items() if key not in ("id", "path")]) for row in rows)

    wanted = answered("folder", str(photos))
    assert len(wanted) == 11
    assert answered("list", list_file=tmp_path / "list.txt") == wanted
    assert answered("store", "memory://bucket/photos") == wanted
    assert answered("shard", str(tmp_path / "s.tar")) == wanted
    assert answered("remote", "memory://bucket/s.tar") == wanted
    system.rm("/bucket", recursive=True)


def test_a_stopped_job_goes_on_where_it_was(photos, work, tmp_path):
    out = tmp_path / "out"
    report = run_job([str(photos)], out, work, Here(2, interrupt), part_size=2)
    assert (report.total, report.done, report.stopped_by) == (11, 4, signal.SIGTERM)
    assert not report.is_complete
    written = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert sorted(written) == ["part-000000.parquet", "part-000001.parquet"]

    engine = Here()
    report = run_job([str(photos)], out, work, engine, part_size=2)
    assert engine.began == [2, 3, 4, 5]
    assert (report.done, report.answered_now, report.unreadable) == (11, 7, 1)
    assert {name: (out / name).stat().st_mtime_ns for name in written} == written

    engine = Here()
    report = run_job([str(photos)], out, work, engine, part_size=2)
    assert (engine.began, report.answered_now, report.unreadable, report.is_complete) == ([], 0, 1, True)


def test_photos_that_come_later_are_not_part_of_the_job(photos, work, tmp_path, rng):
    run_job([str(photos)], tmp_path / "out", work, Here(1, interrupt), part_size=4)
    (photos / "paper.png").rename(photos / "aaa.png")
    report = run_job([str(photos)], tmp_path / "out", work, Here(), part_size=4)
    assert (report.done, report.unreadable) == (11, 2)
    (gone,) = [row for row in answers(tmp_path / "out") if row["path"] == str(photos / "paper.png")]
    assert gone["error"] == "no such file"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Goes to another folder when called."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    return lambda: monkeypatch.chdir(tmp_path / "elsewhere")


def test_relative_names_are_found_from_where_the_job_began(photos, work, tmp_path, elsewhere):
    with tarfile.open("s.tar", "w") as tar:
        tar.add(photos / "glass", "glass")
    (tmp_path / "list.txt").write_text("photos/paper.png\ns.tar\nphotos/glass/\n")
    job = {"work": work, "part_size": 3, "list_file": tmp_path / "list.txt"}
    run_job(["photos/metal"], tmp_path / "out", engine=Here(1, interrupt), **job)
    elsewhere()
    report = run_job([str(photos / "metal")], tmp_path / "out", engine=LocalEngine(1), **job)
    assert (report.done, report.unreadable) == (11, 1)
    rows = answers(tmp_path / "out")
    assert [row["path"] for row in rows if row["error"]] == ["photos/metal/broken.jpg"]
    assert [row["path"] for row in rows[4:]] == [
        "photos/paper.png",
        *(f"tar://glass/{number}.jpg::s.tar" for number in range(3)),
        *(f"photos/glass/{number}.jpg" for number in range(3)),
    ]


def without_folder(out):
    """The listing as an earlier version wrote it."""
    listing = pq.read_table(out / LISTING_FILE).replace_schema_metadata(None)
    pq.write_table(listing, out / LISTING_FILE, row_group_size=4)


def test_a_job_of_an_earlier_version_goes_on_unless_its_names_are_relative(photos, work, tmp_path, elsewhere):
    run_job(["photos"], tmp_path / "relative", work, Here(1, interrupt), part_size=4)
    run_job([str(photos)], tmp_path / "absolute", work, Here(1, interrupt), part_size=4)
    without_folder(tmp_path / "relative")
    without_folder(tmp_path / "absolute")
    elsewhere()
    with pytest.raises(RecycleNetError, match=r"names photos/\S+, but not the folder.* Begin again with another --out"):
        run_job([str(photos)], tmp_path / "relative", work, Here(), part_size=4)
    assert run_job([str(photos)], tmp_path / "absolute", work, Here(), part_size=4).unreadable == 1


def test_another_job_in_the_folder_is_refused_with_the_difference(photos, work, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "list.txt").write_text(f"{photos}/paper.png\n")
    run_job([str(photos)], out, work, Here(), part_size=4, list_file=tmp_path / "list.txt")
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}

    def refused(*arguments, model=work, part_size=4, list_file=tmp_path / "list.txt"):
        with pytest.raises(RecycleNetError, match="holds another job") as caught:
            run_job(arguments or [str(photos)], out, model, Here(), part_size=part_size, list_file=list_file)
        return str(caught.value)

    assert "part_size: 4 → 5" in refused(part_size=5)
    assert "model: " in refused(model=replace(work, model=tiny_model(seed=1)))
    assert str(photos / "glass") in refused(str(photos / "glass"))
    assert "list_file: " in refused(list_file=None)
    (tmp_path / "list.txt").write_text(f"{photos}/glass/1.jpg\n")
    assert "list_sha256: " in refused()
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_two_jobs_in_one_folder(photos, work, tmp_path):
    (tmp_path / "out").mkdir()
    with (
        lock_folder(tmp_path / "out"),
        pytest.raises(RecycleNetError, match=f"in use by process {os.getpid()}"),
    ):
        run_job([str(photos)], tmp_path / "out", work, Here())


def test_a_folder_of_other_answers_is_left_alone(photos, work, tmp_path):
    (tmp_path / "part-000000.parquet").write_bytes(b"somebody else's")
    with pytest.raises(RecycleNetError, match=r"holds parts of a job, but no _job\.json"):
        run_job([str(photos)], tmp_path, work, Here())
    (tmp_path / "part-000000.parquet").unlink()
    (tmp_path / "_job.json").write_text("{}")
    with pytest.raises(RecycleNetError, match="the setting 'spec' is missing"):
        run_job([str(photos)], tmp_path, work, Here())


def test_a_refused_job_leaves_no_folder_of_its_own(work, tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("new", "mine"):
        with pytest.raises(RecycleNetError, match="no file or folder"):
            run_job(["gone"], tmp_path / name, work, Here())
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_stop_while_photos_are_listed(photos, work, tmp_path):
    def stop(_what, _done, _total):
        interrupt()

    report = run_job([str(photos)], tmp_path / "out", work, Here(), part_size=2, on_progress=stop)
    assert (report.total, report.is_complete, report.stopped_by) == (0, False, signal.SIGTERM)
    assert not (tmp_path / "out").exists()
    assert run_job([str(photos)], tmp_path / "out", work, Here(), part_size=2).is_complete


@pytest.mark.parametrize("size", [0, 1_000_001])
def test_part_sizes(photos, work, tmp_path, size):
    with pytest.raises(RecycleNetError, match="part_size must lie between 1 and 1000000"):
        run_job([str(photos)], tmp_path / "out", work, Here(), part_size=size)
    assert not (tmp_path / "out").exists()


def test_names_that_are_not_unicode(work, tmp_path, rng):
    from tests.conftest import save_photo

    save_photo(tmp_path / "in" / "a.jpg", (60, 160, 80), rng)
    try:
        (tmp_path / "in" / "a.jpg").rename(tmp_path / "in" / "caf\udce9.jpg")
    except OSError:
        pytest.skip("this file system has Unicode names only")
    run_job([str(tmp_path / "in")], tmp_path / "out", work, LocalEngine(1))
    (row,) = answers(tmp_path / "out")
    assert (row["path"], row["error"]) == (f"{tmp_path}/in/caf\\udce9.jpg", None)


def test_a_process_that_dies_is_named(photos, work, tmp_path, monkeypatch):
    """As the system does where memory runs out; what was done before stays."""
    engine = LocalEngine(1)
    started = engine._in_any_order

    def kill_first(pool, parts, is_stopped, running):
        for number, part in enumerate(started(pool, parts, is_stopped, running)):
            yield part
            if number == 1:
                (process,) = pool._processes.values()
                process.kill()

    monkeypatch.setattr(engine, "_in_any_order", kill_first)
    with pytest.raises(RecycleNetError, match=r"a process ended before its work was done.* parts [2-5](, [2-5])?\. "):
        run_job([str(photos)], tmp_path / "out", work, engine, part_size=2)
    assert len(list((tmp_path / "out").glob("part-*"))) >= 2
    assert run_job([str(photos)], tmp_path / "out", work, Here(), part_size=2).is_complete
