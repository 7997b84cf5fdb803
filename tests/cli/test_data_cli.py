import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from recyclenet.data.splits import read_splits
from recyclenet.data.trashnet import ManifestEntry
from tests.conftest import Run


def rows(out: str) -> dict[str, list[int]]:
    """The numbers of the printed table by the row's first cell."""
    found = {}
    for line in out.splitlines():
        cells = [cell.strip() for cell in re.split("[│┃|]", line) if cell.strip()]
        if len(cells) > 1 and all(cell.isdigit() for cell in cells[1:]):
            found[cells[0]] = [int(cell) for cell in cells[1:]]
    return found


def is_one_line(err: str) -> bool:
    return err.startswith("error: ") and err.count("\n") == 1 and err.endswith("\n")


def test_split_writes_and_counts(run: Run, class_folders: Path) -> None:
    code, out, err = run("data", "split", class_folders)
    assert (code, err) == (0, "")
    assert rows(out) == {
        "glass": [14, 3, 3, 20],
        "paper": [14, 3, 3, 20],
        "metal": [14, 3, 3, 20],
        "all": [42, 9, 9, 60],
    }
    assert out.splitlines()[-1] == f"wrote {class_folders / 'splits.csv'}"
    assert len(read_splits(class_folders / "splits.csv")) == 60


def test_split_takes_seed_and_fractions(run: Run, class_folders: Path) -> None:
    _, out, _ = run("data", "split", class_folders, "--seed", 5, "--fractions", "0.5, 0.25,0.25")
    first = (class_folders / "splits.csv").read_bytes()
    assert rows(out)["all"] == [30, 15, 15, 60]

    code, out, err = run("data", "split", class_folders)
    assert (code, out) == (2, "")
    assert "is split already; --force replaces" in err
    assert is_one_line(err)
    assert (class_folders / "splits.csv").read_bytes() == first

    assert run("data", "split", class_folders, "--seed", 6, "--fractions", "0.5,0.25,0.25", "--force")[0] == 0
    assert (class_folders / "splits.csv").read_bytes() != first
    assert run("data", "split", class_folders, "--seed", 5, "--fractions", "0.5,0.25,0.25", "--force")[0] == 0
    assert (class_folders / "splits.csv").read_bytes() == first


def test_split_without_val_has_no_such_column(run: Run, class_folders: Path) -> None:
    code, out, _ = run("data", "split", class_folders, "--fractions", "0.8,0,0.2")
    assert code == 0
    assert rows(out)["all"] == [48, 12, 60]


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ("half,half,none", "--fractions must be three numbers with commas between, not 'half,half,none'"),
        ("", "--fractions must be three numbers with commas between, not ''"),
        ("0.7;0.13;0.17", "--fractions must be three numbers with commas between"),
        ("0.7,0.3", "split shares must be three numbers that sum to 1"),
        ("0.7,0.2,0.2", "split shares must be three numbers that sum to 1"),
        ("70,13,17", "split shares must be three numbers that sum to 1"),
        ("1.5,-0.25,-0.25", "split shares must be three numbers that sum to 1"),
        ("nan,0.5,0.5", "split shares must be three numbers that sum to 1"),
    ],
)
def test_bad_fractions(run: Run, class_folders: Path, fractions: str, message: str) -> None:
    code, out, err = run("data", "split", class_folders, "--fractions", fractions)
    assert (code, out) == (2, "")
    assert message in err
    assert is_one_line(err)
    assert not (class_folders / "splits.csv").exists()


def test_split_of_what_is_no_data_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("no folder")
    (tmp_path / "empty").mkdir()
    for name, message in (("none", "does not exist"), ("file.txt", "is a file"), ("empty", "has no class folders")):
        code, out, err = run("data", "split", tmp_path / name)
        assert (code, out) == (2, "")
        assert message in err
        assert str(tmp_path / name) in err
        assert is_one_line(err)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TrashNet of four photos, and a manifest that knows no others."""
    root, entries = tmp_path / "source", {}
    for name, split in (("glass1", "train"), ("glass2", "val"), ("metal1", "train"), ("trash1", "test")):
        path, data = f"dataset-resized/{name[:-1]}/{name}.jpg", name.encode() * 7
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
        entries[path] = ManifestEntry(path, len(data), hashlib.sha256(data).hexdigest(), split)
    for module in ("fetch", "trashnet"):
        monkeypatch.setattr(f"recyclenet.data.{module}.manifest", lambda: entries)
    return root


def test_fetch_from_a_folder(run: Run, source: Path, tmp_path: Path) -> None:
    out_folder = tmp_path / "out"
    code, out, _ = run("data", "fetch", "trashnet", "--out", out_folder, "--from", source)
    assert code == 0
    assert rows(out) == {"glass": [1, 1, 0, 2], "metal": [1, 0, 0, 1], "trash": [0, 0, 1, 1], "all": [2, 1, 1, 4]}
    assert out.splitlines()[-1] == f"4 photos added, 0 were there; all checked. Split: {out_folder / 'splits.csv'}"
    _, out, _ = run("data", "fetch", "trashnet", "--out", out_folder, "--from", source)
    assert out.splitlines()[-1].startswith("0 photos added, 4 were there")


def test_fetch_names_a_damaged_photo(run: Run, source: Path, tmp_path: Path) -> None:
    (source / "dataset-resized" / "metal" / "metal1.jpg").write_bytes(b"damaged")
    code, out, err = run("data", "fetch", "trashnet", "--out", tmp_path / "out", "--from", source)
    assert (code, out) == (2, "")
    assert "1 of 4 photos are missing or damaged" in err
    assert "the first of them dataset-resized/metal/metal1.jpg" in err
    assert err.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in err


def test_fetch_of_an_unknown_dataset(run: Run, tmp_path: Path) -> None:
    code, out, err = run("data", "fetch", "imagenet", "--out", tmp_path / "out")
    assert (code, out, err) == (2, "", "error: unknown dataset 'imagenet'; known: trashnet\n")
    assert not (tmp_path / "out").exists()


def test_fetch_from_nowhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "recyclenet", "data", "fetch", "trashnet", "--out", "out", "--from", "none.zip"]
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert made.returncode == 2
    assert made.stdout == ""
    errors = [line for line in made.stderr.splitlines() if line.strip()]
    assert errors == [
        "error: no folder or zip at none.zip (expected TrashNet's dataset-resized/ or dataset-resized.zip)"
    ]


@pytest.mark.parametrize(
    "arguments", [["fetch", "trashnet"], ["fetch", "--out", "x"], ["split"], ["split", "x", "--sed", "1"], ["merge"]]
)
def test_mistyped_commands(run: Run, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("data", *arguments)
    assert (code, out) == (2, "")
    assert "Usage:" in err
    assert list(tmp_path.iterdir()) == []
