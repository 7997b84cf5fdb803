import pytest

from recyclenet.data.folder import PhotoFolder
from recyclenet.data.shots import take_shots
from recyclenet.data.splits import PhotoRecord


@pytest.fixture
def folder(tmp_path) -> PhotoFolder:
    """10 glass, 3 metal and a class whose name is no Unicode in train, and some in val and test."""
    counts = {"glass": 10, "metal": 3, "caf\udce9": 5}
    train = [PhotoRecord(f"{label}/{n}.jpg", label, "train") for label, count in counts.items() for n in range(count)]
    others = [PhotoRecord(f"{label}/{split}.jpg", label, split) for label in counts for split in ("val", "test")]
    return PhotoFolder(tmp_path, (*train, *others), is_split=True)


def train_paths(folder: PhotoFolder) -> set[str]:
    return {record.path for record in folder.split("train")}


def test_so_many_of_each_class_and_all_of_the_other_splits(folder):
    taken = take_shots(folder, 4, seed=1)
    assert taken.counts()["train"] == {"glass": 4, "metal": 3, "caf\udce9": 4}
    assert (taken.split("val"), taken.split("test")) == (folder.split("val"), folder.split("test"))
    assert take_shots(folder, 0, seed=1) is folder
    assert take_shots(folder, 10**6, seed=1).records == folder.records


def test_more_shots_are_the_same_ones_and_others(folder):
    few, more = (train_paths(take_shots(folder, shots, seed=1)) for shots in (2, 6))
    assert few < more
    assert train_paths(take_shots(folder, 2, seed=1)) == few
    assert train_paths(take_shots(folder, 2, seed=2)) != few


def test_what_is_drawn_of_a_class_does_not_depend_on_the_others(folder):
    alone = PhotoFolder(folder.root, tuple(r for r in folder.records if r.label != "metal"), is_split=True)
    both = (train_paths(take_shots(each, 3, seed=5)) for each in (folder, alone))
    assert {path for path in next(both) if not path.startswith("metal")} == next(both)
