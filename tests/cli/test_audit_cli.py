import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from recyclenet.data.folder import open_photo_folder
from recyclenet.data.splits import read_splits
from tests.conftest import Run


@pytest.fixture
def with_copies(class_folders: Path) -> Path:
    """Of five paper photos there is a smaller one each, and of glass0 a copy labelled metal."""
    for number in range(5):
        with Image.open(class_folders / "paper" / f"paper{number}.jpg") as photo:
            photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(class_folders / "paper" / f"small{number}.png")
    (class_folders / "metal" / "wrong.jpg").write_bytes((class_folders / "glass" / "glass0.jpg").read_bytes())
    return class_folders


def test_audit_prints_and_writes(run: Run, with_copies: Path, tmp_path: Path) -> None:
    code, out, err = run("data", "audit", with_copies, "--no-labels", "--out", tmp_path / "report")
    assert code == 0
    assert out.splitlines()[0] == "66 photos, 66 of them readable; 12 have a twin, in 6 groups."
    assert "metal/wrong.jpg" in out
    assert "the same bytes, but labelled metal and glass" in out
    assert err.splitlines()[-1] == f"written to {tmp_path / 'report'}: findings.csv, audit.json, audit.md, audit.html"
    assert len(list((tmp_path / "report").iterdir())) == 4


def test_strict_fails_on_what_is_serious_alone(run: Run, with_copies: Path) -> None:
    assert run("data", "audit", with_copies, "--no-labels", "--strict")[0] == 1
    (with_copies / "metal" / "wrong.jpg").unlink()
    code, out, _ = run("data", "audit", with_copies, "--no-labels", "--strict")
    assert code == 0  # five duplicates are left, of one label in a folder without a split
    assert "serious" not in out
    (with_copies / "metal" / "metal0.jpg").write_bytes(b"broken")
    assert run("data", "audit", with_copies, "--no-labels", "--strict")[0] == 1
    assert run("data", "audit", with_copies, "--no-labels")[0] == 0


def test_json_is_one_object(run: Run, with_copies: Path) -> None:
    code, out, _ = run("data", "audit", with_copies, "--no-labels", "--json", "--strict")
    assert code == 1
    table = json.loads(out)
    assert table["found"] == {
        "conflict": 1, "leak": 0, "held-twice": 0, "unreadable": 0,
        "duplicate": 5, "label": 0, "odd": 0, "imbalance": 0,
    }  # fmt: skip
    assert (table["photos_with_a_twin"], table["groups"], table["labels_checked"]) == (12, 6, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["none"], "does not exist"), (["photos", "--model", "no.onnx"], "no model at no.onnx")],
)
def test_mistakes_are_one_line(run: Run, class_folders: Path, monkeypatch, arguments, message: str) -> None:
    monkeypatch.chdir(class_folders.parent)
    code, out, err = run("data", "audit", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_split_keeps_twins_together(run: Run, with_copies: Path) -> None:
    code, _, err = run("data", "split", with_copies, "--group-duplicates")
    assert code == 0
    assert err.splitlines()[-1] == "12 photos have a twin; they stay together in 6 groups"
    file = with_copies / "splits.csv"
    first = file.read_bytes()
    splits = {record.path: record.split for record in read_splits(file)}
    for number in range(5):
        assert splits[f"paper/paper{number}.jpg"] == splits[f"paper/small{number}.png"]
    assert splits["metal/wrong.jpg"] == splits["glass/glass0.jpg"]
    assert Counter(splits.values()) == {"train": 47, "val": 9, "test": 10}
    assert run("data", "audit", with_copies, "--no-labels", "--json")[1].count('"kind": "leak"') == 0

    code, _, err = run("data", "split", with_copies, "--group-duplicates")
    assert code == 2
    assert "is split already; --force" in err
    assert run("data", "split", with_copies, "--group-duplicates", "--force")[0] == 0
    assert file.read_bytes() == first
    run("data", "split", with_copies, "--group-duplicates", "--force", "--seed", 2)
    assert file.read_bytes() != first


def test_folds_are_written_and_taken_as_data(run: Run, with_copies: Path) -> None:
    code, out, _ = run("data", "split", with_copies, "--folds", 3, "--group-duplicates")
    assert code == 0
    assert out == f"wrote {with_copies / 'splits-fold1of3.csv'} to splits-fold3of3.csv\n"
    assert not (with_copies / "splits.csv").exists()
    tested: Counter[str] = Counter()
    for fold in (1, 2, 3):
        folder = open_photo_folder(with_copies / f"splits-fold{fold}of3.csv")
        splits = {record.path: record.split for record in folder.records}
        assert all(splits[f"paper/paper{i}.jpg"] == splits[f"paper/small{i}.png"] for i in range(5))
        tested.update(record.path for record in folder.split("test"))
    assert len(tested) == 66
    assert set(tested.values()) == {1}
    code, _, err = run("data", "split", with_copies, "--folds", 3)
    assert code == 2
    assert "--force replaces it" in err
    assert run("data", "split", with_copies, "--folds", 1)[0] == 2
    table = json.loads(run("data", "audit", with_copies / "splits-fold2of3.csv", "--no-labels", "--json")[1])
    assert (table["found"]["leak"], table["is_split"]) == (0, True)
