import hashlib
import shutil
from collections import Counter
from pathlib import Path

import pytest

from recyclenet.data.splits import PhotoRecord
from recyclenet.data.trashnet import (
    ManifestEntry,
    damaged_photos,
    has_official_lists,
    is_intact,
    local_copy,
    manifest,
    matches,
    official_records,
    read_official_split,
)
from recyclenet.errors import RecycleNetError

CLASS_COUNTS = {"cardboard": 403, "glass": 501, "metal": 410, "paper": 594, "plastic": 482, "trash": 137}


def entry(path: str, data: bytes, split: str = "train") -> ManifestEntry:
    return ManifestEntry(path, len(data), hashlib.sha256(data).hexdigest(), split)


def write_lists(root: Path, **texts: str) -> Path:
    for split in ("train", "val", "test"):
        (root / f"one-indexed-files-notrash_{split}.txt").write_text(texts.get(split, ""), encoding="utf-8")
    return root


def test_manifest_counts() -> None:
    entries = manifest()
    assert len(entries) == 2527
    assert Counter(path.split("/")[1] for path in entries) == CLASS_COUNTS
    assert Counter(item.split for item in entries.values()) == {"train": 1768, "val": 328, "test": 431}


def test_manifest_entries_are_whole() -> None:
    for path, item in manifest().items():
        root, label, name = path.split("/")
        assert item.path == path
        assert root == "dataset-resized"
        assert name == f"{label}{int(name[len(label) : -len('.jpg')])}.jpg"
        assert item.size > 0
        assert len(bytes.fromhex(item.sha256)) == 32


def test_photo_numbers_have_no_gaps() -> None:
    for label, count in CLASS_COUNTS.items():
        assert all(f"dataset-resized/{label}/{label}{number}.jpg" in manifest() for number in range(1, count + 1))


def test_real_photos_are_those_of_the_manifest(trashnet: Path) -> None:
    assert damaged_photos(trashnet) == []
    found = {path.relative_to(trashnet).as_posix() for path in (trashnet / "dataset-resized").rglob("*.jpg")}
    assert found == set(manifest())


def test_official_split_is_that_of_the_real_lists(trashnet: Path) -> None:
    assert has_official_lists(trashnet)
    assert official_records() == read_official_split(trashnet)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    photos = {f"dataset-resized/{label}/{label}1.jpg": label.encode() * 9 for label in CLASS_COUNTS}
    for path, data in photos.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(data)
    entries = {path: entry(path, data) for path, data in sorted(photos.items(), reverse=True)}
    monkeypatch.setattr("recyclenet.data.trashnet.manifest", lambda: entries)
    return tmp_path


def test_whole_photos_are_not_damaged(small: Path) -> None:
    assert damaged_photos(small) == []


def test_changed_missing_and_longer_photos_are_damaged(small: Path) -> None:
    folder = small / "dataset-resized"
    (folder / "paper" / "paper1.jpg").write_bytes(b"Paper" + b"paper" * 8)
    (folder / "glass" / "glass1.jpg").unlink()
    with (folder / "metal" / "metal1.jpg").open("ab") as file:
        file.write(b"!")
    (folder / "trash" / "trash1.jpg").write_bytes(b"")
    shutil.rmtree(folder / "plastic")
    damaged = ["glass", "metal", "paper", "plastic", "trash"]
    assert damaged_photos(small) == [f"dataset-resized/{label}/{label}1.jpg" for label in damaged]


def test_nothing_is_intact_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert not is_intact(tmp_path / "none", entry("dataset-resized/glass/glass1.jpg", b"glass"))


def test_matches_means_every_byte() -> None:
    item = entry("dataset-resized/glass/glass1.jpg", b"glass")
    assert matches(item, b"glass")
    assert not matches(item, b"Glass")
    assert not matches(item, b"glass!")
    assert not matches(item, b"")


def test_labels_are_numbered_from_one(tmp_path: Path) -> None:
    write_lists(tmp_path, train="g.jpg 1\np.jpg 2\nc.jpg 3\n", val="l.jpg 4\r\nm.jpg 5\r\n", test="t.jpg 6")
    assert read_official_split(tmp_path) == (
        PhotoRecord("dataset-resized/cardboard/c.jpg", "cardboard", "train"),
        PhotoRecord("dataset-resized/glass/g.jpg", "glass", "train"),
        PhotoRecord("dataset-resized/metal/m.jpg", "metal", "val"),
        PhotoRecord("dataset-resized/paper/p.jpg", "paper", "train"),
        PhotoRecord("dataset-resized/plastic/l.jpg", "plastic", "val"),
        PhotoRecord("dataset-resized/trash/t.jpg", "trash", "test"),
    )


@pytest.mark.parametrize(
    "line",
    [
        "glass2.jpg",
        "glass2.jpg 0",
        "glass2.jpg 7",
        "glass2.jpg one",
        "glass2.jpg 1 1",
        "",
        "../evil.jpg 1",
        "a\\b.jpg 1",
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, line: str) -> None:
    write_lists(tmp_path, val=f"glass1.jpg 1\n{line}\nglass3.jpg 1\n")
    with pytest.raises(
        RecycleNetError, match=r"notrash_val\.txt, line 2: expected 'FILE LABEL' with a label from 1 to 6"
    ):
        read_official_split(tmp_path)


def test_a_long_malformed_line_is_cut_in_the_message(tmp_path: Path) -> None:
    write_lists(tmp_path, train="x" * 5000)
    with pytest.raises(RecycleNetError) as caught:
        read_official_split(tmp_path)
    assert "x" * 80 + "'" in str(caught.value)
    assert "x" * 81 not in str(caught.value)


def test_missing_and_unreadable_lists(tmp_path: Path) -> None:
    with pytest.raises(RecycleNetError, match=r"notrash_train\.txt cannot be read"):
        read_official_split(tmp_path)
    write_lists(tmp_path)
    (tmp_path / "one-indexed-files-notrash_test.txt").write_bytes(b"glas\xe9.jpg 1\n")
    with pytest.raises(RecycleNetError, match=r"notrash_test\.txt cannot be read"):
        read_official_split(tmp_path)


def test_official_layout_needs_photos_and_all_three_lists(tmp_path: Path) -> None:
    write_lists(tmp_path)
    assert not has_official_lists(tmp_path)
    (tmp_path / "dataset-resized").mkdir()
    assert has_official_lists(tmp_path)
    (tmp_path / "one-indexed-files-notrash_val.txt").unlink()
    assert not has_official_lists(tmp_path)


def test_local_copy_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine" / "dataset-resized").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("RECYCLENET_TRASHNET", str(tmp_path / "mine"))
    assert local_copy() == tmp_path / "mine"
    monkeypatch.setenv("RECYCLENET_TRASHNET", str(tmp_path / "elsewhere"))
    assert local_copy() is None
    monkeypatch.delenv("RECYCLENET_TRASHNET")
    assert local_copy() is None


def test_local_copy_in_the_shared_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tmp_path / "shared" / "data" / "trashnet"
    (shared / "dataset-resized").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("RECYCLENET_TRASHNET", str(tmp_path / "elsewhere"))
    found = local_copy()
    assert found is not None
    assert found.resolve() == shared.resolve()
