import hashlib
import shutil
from pathlib import Path

import pytest

from recyclenet.data.folder import find_photos, labelled_photos, open_photo_folder, split_photo_folder
from recyclenet.data.splits import PhotoRecord, split_records, write_splits
from recyclenet.errors import RecycleNetError
from recyclenet.labels import TRASHNET_CLASSES


def put(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def official(root: Path, train: str = "glass1.jpg 1\nmetal1.jpg 5\n", val: str = "", test: str = "") -> Path:
    for split, text in (("train", train), ("val", val), ("test", test)):
        (root / f"one-indexed-files-notrash_{split}.txt").write_text(text)
    return root


def test_class_folders(tmp_path: Path) -> None:
    folder = open_photo_folder(put(tmp_path, "can/2.jpg", "can/1.jpg", "bag/1.png"))
    assert folder.records == (
        PhotoRecord("bag/1.png", "bag", "train"),
        PhotoRecord("can/1.jpg", "can", "train"),
        PhotoRecord("can/2.jpg", "can", "train"),
    )
    assert not folder.is_split
    assert folder.root == tmp_path
    assert folder.counts() == {"train": {"bag": 1, "can": 2}}


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Val"])
def test_ready_made_splits(tmp_path: Path, val: str) -> None:
    put(tmp_path, "train/can/1.jpg", "train/bag/2.jpg", f"{val}/can/3.jpg", "test/bag/4.jpg", "notes/x/5.jpg", "6.jpg")
    folder = open_photo_folder(tmp_path)
    assert folder.is_split
    assert set(folder.records) == {
        PhotoRecord("train/can/1.jpg", "can", "train"),
        PhotoRecord("train/bag/2.jpg", "bag", "train"),
        PhotoRecord(f"{val}/can/3.jpg", "can", "val"),
        PhotoRecord("test/bag/4.jpg", "bag", "test"),
    }
    assert folder.records == tuple(sorted(folder.records))
    assert folder.counts() == {"train": {"bag": 1, "can": 1}, "val": {"bag": 0, "can": 1}, "test": {"bag": 1, "can": 0}}


def test_splits_csv(tmp_path: Path) -> None:
    records = (PhotoRecord("any/where/1.jpg", "can", "train"), PhotoRecord("2.jpg", "bag", "val"))
    put(tmp_path, "any/where/1.jpg", "2.jpg", "not/listed.jpg")
    write_splits(tmp_path / "splits.csv", records)
    folder = open_photo_folder(tmp_path)
    assert folder.is_split
    assert folder.records == tuple(sorted(records))


def test_trashnet_lists(tmp_path: Path) -> None:
    put(tmp_path, "dataset-resized/glass/glass1.jpg", "dataset-resized/metal/metal1.jpg", "dataset-resized/x/x.jpg")
    folder = open_photo_folder(official(tmp_path, train="metal1.jpg 5\n", test="glass1.jpg 1\n"))
    assert folder.is_split
    assert folder.records == (
        PhotoRecord("dataset-resized/glass/glass1.jpg", "glass", "test"),
        PhotoRecord("dataset-resized/metal/metal1.jpg", "metal", "train"),
    )


def test_the_first_layout_in_the_documented_order_wins(tmp_path: Path) -> None:
    put(tmp_path, "dataset-resized/glass/glass1.jpg", "dataset-resized/metal/metal1.jpg", "other/a.jpg")
    assert {record.label for record in open_photo_folder(tmp_path).records} == {"dataset-resized", "other"}

    official(tmp_path)
    assert {record.label for record in open_photo_folder(tmp_path).records} == {"glass", "metal"}

    put(tmp_path, "train/can/1.jpg", "train/bag/1.jpg")
    assert {record.label for record in open_photo_folder(tmp_path).records} == {"can", "bag"}

    listed = [PhotoRecord("other/a.jpg", "one", "train"), PhotoRecord("train/can/1.jpg", "two", "train")]
    write_splits(tmp_path / "splits.csv", listed)
    assert {record.label for record in open_photo_folder(tmp_path).records} == {"one", "two"}


def test_hidden_and_foreign_files_are_left_out(tmp_path: Path) -> None:
    wanted = ["can/1.JPG", "can/2.Jpeg", "can/deep/er/3.png", "bag/4.HEIC", "bag/5.webp"]
    put(tmp_path, *wanted)
    put(tmp_path, "can/.6.jpg", "can/._1.JPG", "can/.hidden/7.jpg", "can/__MACOSX/8.jpg", "can/notes.txt", "can/jpg")
    put(tmp_path, "__MACOSX/can/9.jpg", ".git/10.jpg", "11.jpg", "can/model.onnx", "can/clip.mp4", "can/drawing.svg")
    assert [record.path for record in open_photo_folder(tmp_path).records] == sorted(wanted)
    assert [path.relative_to(tmp_path).as_posix() for path in find_photos(tmp_path)] == sorted([*wanted, "11.jpg"])


def test_labels_come_from_the_class_folder_however_deep_the_photo_lies(tmp_path: Path) -> None:
    put(tmp_path, "can/crushed/1.jpg", "bag/2.jpg")
    assert labelled_photos(tmp_path) == [("bag/2.jpg", "bag"), ("can/crushed/1.jpg", "can")]


def test_class_order_is_trashnets_or_the_alphabet(tmp_path: Path) -> None:
    put(tmp_path, *(f"{name}/1.jpg" for name in ("trash", "metal", "glass", "cardboard")))
    assert open_photo_folder(tmp_path).classes == ("glass", "cardboard", "metal", "trash")
    put(tmp_path, "battery/1.jpg")
    assert open_photo_folder(tmp_path).classes == ("battery", "cardboard", "glass", "metal", "trash")


def test_trashnet_itself(trashnet: Path) -> None:
    folder = open_photo_folder(trashnet)
    assert folder.classes == TRASHNET_CLASSES
    assert {split: sum(labels.values()) for split, labels in folder.counts().items()} == {
        "train": 1768,
        "val": 328,
        "test": 431,
    }


def test_one_split_at_a_time(tmp_path: Path) -> None:
    put(tmp_path, "train/can/1.jpg", "train/bag/2.jpg", "test/bag/4.jpg")
    folder = open_photo_folder(tmp_path)
    assert [record.path for record in folder.split("test")] == ["test/bag/4.jpg"]
    assert folder.split("all") == folder.records
    with pytest.raises(RecycleNetError, match="no photos in the split 'val'"):
        folder.split("val")
    with pytest.raises(RecycleNetError, match="split must be one of train, val, test or all, not 'dev'"):
        folder.split("dev")


def test_bare_class_folders_have_no_splits_to_ask_for(class_folders: Path) -> None:
    folder = open_photo_folder(class_folders)
    assert len(folder.split("all")) == 60
    with pytest.raises(RecycleNetError, match="is not split yet: run 'recyclenet data split"):
        folder.split("train")


def fails(root: Path, message: str) -> None:
    with pytest.raises(RecycleNetError, match=message) as caught:
        open_photo_folder(root)
    assert str(root) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folder(tmp_path: Path) -> None:
    fails(tmp_path / "none", "does not exist")


def test_a_name_that_is_too_long_for_any_folder(tmp_path: Path) -> None:
    fails(tmp_path / ("x" * 300), "does not exist|cannot be read")


def test_file_instead_of_folder(tmp_path: Path) -> None:
    fails(put(tmp_path, "a.zip") / "a.zip", "is a file")


def test_empty_folder(tmp_path: Path) -> None:
    fails(tmp_path, "has no class folders")


def test_photos_without_class_folders(tmp_path: Path) -> None:
    fails(put(tmp_path, "1.jpg", "2.jpg"), "has no class folders")


def test_class_without_photos(tmp_path: Path) -> None:
    put(tmp_path, "can/1.jpg", "bag/readme.txt")
    fails(tmp_path, "the class folder .*bag has no photos")


def test_one_class_only(tmp_path: Path) -> None:
    fails(put(tmp_path, "can/1.jpg", "can/2.jpg"), "only the class 'can'; a classifier needs two classes")


def test_splits_csv_without_photos(tmp_path: Path) -> None:
    write_splits(tmp_path / "splits.csv", [])
    fails(tmp_path, "has no photos; a classifier needs two classes")


def test_listed_photos_that_are_missing(tmp_path: Path) -> None:
    put(tmp_path, "can/1.jpg", "bag/1.jpg")
    labelled = [("can/1.jpg", "can"), ("bag/1.jpg", "bag"), ("bag/2.jpg", "bag"), ("bag/3.jpg", "bag")]
    write_splits(tmp_path / "splits.csv", split_records(labelled))
    fails(tmp_path, "lists 4 photos, but 2 of them cannot be found in .*, the first: bag/2.jpg")


def test_listed_photo_with_an_impossible_name_is_missing(tmp_path: Path) -> None:
    name = "x" * 300 + ".jpg"
    put(tmp_path, "can/1.jpg", "bag/1.jpg")
    write_splits(tmp_path / "splits.csv", [PhotoRecord("can/1.jpg", "can", "train"), PhotoRecord(name, "bag", "train")])
    fails(tmp_path, f"lists 2 photos, but 1 of them cannot be found in .*, the first: {name}")


def test_listed_trashnet_photo_that_is_missing(tmp_path: Path) -> None:
    put(tmp_path, "dataset-resized/glass/glass1.jpg")
    fails(official(tmp_path), "lists 2 photos, but 1 of them .* dataset-resized/metal/metal1.jpg")


def test_class_in_test_only(tmp_path: Path) -> None:
    put(tmp_path, "train/can/1.jpg", "train/bag/1.jpg", "test/can/1.jpg", "test/jar/1.jpg", "val/box/1.jpg")
    fails(tmp_path, "box, jar has no photos in train, only in other splits")


def test_split_folder_writes_what_split_records_says(class_folders: Path) -> None:
    before = open_photo_folder(class_folders)
    folder = split_photo_folder(class_folders, seed=7, fractions=(0.5, 0.25, 0.25))
    labelled = [(record.path, record.label) for record in before.records]
    assert folder.is_split
    assert folder.records == split_records(labelled, seed=7, fractions=(0.5, 0.25, 0.25))
    assert folder == open_photo_folder(class_folders)
    assert folder.counts() == {
        split: dict.fromkeys(("glass", "paper", "metal"), count)
        for split, count in (("train", 10), ("val", 5), ("test", 5))
    }


def test_a_split_is_replaced_by_force_only(class_folders: Path) -> None:
    split_photo_folder(class_folders, seed=1)
    first = (class_folders / "splits.csv").read_bytes()
    with pytest.raises(RecycleNetError, match=r"is split already; --force replaces .*splits\.csv"):
        split_photo_folder(class_folders, seed=2)
    assert (class_folders / "splits.csv").read_bytes() == first
    split_photo_folder(class_folders, seed=2, force=True)
    assert (class_folders / "splits.csv").read_bytes() != first
    split_photo_folder(class_folders, seed=1, force=True)
    assert (class_folders / "splits.csv").read_bytes() == first


def test_ready_made_splits_are_replaced_by_force_only(tmp_path: Path) -> None:
    put(tmp_path, *(f"train/{label}/{number}.jpg" for label in ("can", "bag") for number in range(10)))
    with pytest.raises(RecycleNetError, match=r"--force replaces the split that .* comes with"):
        split_photo_folder(tmp_path)
    assert not (tmp_path / "splits.csv").exists()
    counts = split_photo_folder(tmp_path, force=True).counts()
    assert counts == {"train": {"bag": 7, "can": 7}, "val": {"bag": 1, "can": 1}, "test": {"bag": 2, "can": 2}}


def test_a_name_that_is_not_unicode_cannot_be_split(tmp_path: Path) -> None:
    put(tmp_path, *(f"can/{number}.jpg" for number in range(5)), *(f"bag/{number}.jpg" for number in range(5)))
    try:
        (tmp_path / "can" / "caf\udce9.jpg").write_bytes(b"photo")
    except OSError:
        pytest.skip("this file system has Unicode names only")
    with pytest.raises(RecycleNetError, match="caf"):
        split_photo_folder(tmp_path)


def test_fingerprint_is_that_of_the_listed_photos(tmp_path: Path) -> None:
    (tmp_path / "can").mkdir()
    (tmp_path / "bag").mkdir()
    (tmp_path / "can" / "1.jpg").write_bytes(b"12345")
    (tmp_path / "bag" / "2.jpg").write_bytes(b"123")
    expected = hashlib.sha256(b"bag/2.jpg\0bag\0train\x003\ncan/1.jpg\0can\0train\x005\n").hexdigest()
    assert open_photo_folder(tmp_path).fingerprint() == expected


def test_fingerprint_stays_when_the_folder_moves(tmp_path: Path) -> None:
    put(tmp_path / "here", "can/1.jpg", "bag/2.jpg")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert open_photo_folder(tmp_path / "here").fingerprint() == open_photo_folder(tmp_path / "there").fingerprint()


def test_fingerprint_changes_with_path_label_split_and_size(tmp_path: Path) -> None:
    put(tmp_path, "can/1.jpg", "bag/2.jpg", "bag/3.jpg")
    base = [PhotoRecord("can/1.jpg", "can", "train"), PhotoRecord("bag/2.jpg", "bag", "train")]
    variants = [
        base,
        [base[0], PhotoRecord("bag/3.jpg", "bag", "train")],
        [base[0], PhotoRecord("bag/2.jpg", "sack", "train")],
        [base[0], PhotoRecord("bag/2.jpg", "bag", "test")],
        [*base, PhotoRecord("bag/3.jpg", "bag", "train")],
    ]
    seen = set()
    for records in variants:
        write_splits(tmp_path / "splits.csv", records)
        seen.add(open_photo_folder(tmp_path).fingerprint())
    (tmp_path / "bag" / "2.jpg").write_bytes(b"longer than it was")
    seen.add(open_photo_folder(tmp_path).fingerprint())
    assert len(seen) == len(variants) + 1


def test_fingerprint_of_a_dangling_link(tmp_path: Path) -> None:
    put(tmp_path, "can/1.jpg", "bag/2.jpg")
    (tmp_path / "can" / "1.jpg").unlink()
    (tmp_path / "can" / "1.jpg").symlink_to(tmp_path / "nowhere.jpg")
    expected = hashlib.sha256(b"bag/2.jpg\0bag\0train\x009\ncan/1.jpg\0can\0train\0-1\n").hexdigest()
    assert open_photo_folder(tmp_path).fingerprint() == expected


def test_force_splits_what_the_folder_holds_now(class_folders: Path) -> None:
    split_photo_folder(class_folders)
    shutil.copy(class_folders / "glass" / "glass0.jpg", class_folders / "glass" / "new.jpg")
    (class_folders / "paper" / "paper0.jpg").unlink()
    paths = {record.path for record in split_photo_folder(class_folders, force=True).records}
    assert "glass/new.jpg" in paths
    assert "paper/paper0.jpg" not in paths
    (class_folders / "splits.csv").write_text("damaged")
    assert {record.path for record in split_photo_folder(class_folders, force=True).records} == paths
