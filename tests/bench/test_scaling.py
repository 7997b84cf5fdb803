from math import log

import pytest

from recyclenet.bench import scaling


def test_slopes_are_powers_of_the_number_of_photos(monkeypatch, tmp_path):
    monkeypatch.setattr(scaling, "TIMES", (1, 2, 4))
    monkeypatch.setattr(scaling, "JOBS", {"data split": scaling.JOBS["data split"]})
    table = scaling.measure_scaling(tmp_path, 1, base=5)
    taken = {line.name: line.taken.median for line in table.lines}
    assert list(taken) == ["data split, 5 photos", "data split, 10 photos", "data split, 20 photos"]
    slope = log(taken["data split, 20 photos"] / taken["data split, 10 photos"]) / log(2)
    assert [aim.ratio for aim in table.aims] == [pytest.approx(slope)]
    assert all(megabytes > 5 for megabytes in table.figures.values())
    assert len((tmp_path / "4x" / "splits.csv").read_text().splitlines()) == 1 + 20


@pytest.mark.parametrize("job", scaling.JOBS)
def test_each_job_does_its_work(job, run, tmp_path):
    photos = scaling._write_photos(tmp_path / "photos", 12)
    code, _, err = run(*scaling.JOBS[job](photos, tmp_path / "out"))
    assert code == 0, err
    assert any((tmp_path / "out").iterdir()) if job != "data split" else (photos / "splits.csv").exists()


def test_no_two_photos_are_alike(tmp_path):
    photos = scaling._write_photos(tmp_path, 30)
    assert len({path.read_bytes() for path in photos.rglob("*.jpg")}) == 30
