import json
from pathlib import PurePosixPath

import pytest

from recyclenet.augment.groups import GROUPS
from recyclenet.augment.plan import Settings, copy_seed, make_plan, open_target
from recyclenet.augment.source import open_source
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.data.splits import PhotoRecord, read_splits, write_splits
from recyclenet.errors import RecycleNetError
from tests.conftest import save_photo


@pytest.fixture
def source(tmp_path, rng):
    """Six photos, two a split, with a splits.csv."""
    root = tmp_path / "source"
    records = [
        PhotoRecord(f"{label}/{label}{number}.jpg", label, split)
        for label in ("glass", "paper")
        for number, split in enumerate(("train", "val", "test"))
    ]
    for record in records:
        save_photo(root / record.path, (90, 90, 90), rng, (20, 20))
    write_splits(root / "splits.csv", records)
    return root


def plan_of(root, target="elsewhere", **settings):
    return make_plan(open_source(root)[0], target, Settings(**settings))


def names(plan):
    return [copy.path for photo in plan.photos for copy in photo.copies]


def test_train_photos_get_copies_of_each_group_and_the_others_go_over(source):
    plan = plan_of(source, copies=2)
    assert [photo.record.path for photo in plan.photos if not photo.copies] == [
        f"{label}/{label}{number}.jpg" for label in ("glass", "paper") for number in (1, 2)
    ]
    assert all(photo.kept for photo in plan.photos)
    assert names(plan) == [
        f"{label}/{label}0_{group}_{number}.jpg"
        for label in ("glass", "paper")
        for group in GROUPS
        for number in (1, 2)
    ]


def test_all_splits_without_originals(source):
    plan = plan_of(source, split="all", originals=False)
    assert len(names(plan)) == 6 * 3
    assert not any(photo.kept for photo in plan.photos)
    assert {photo.record.split for photo in plan_of(source, split="val", originals=False).photos} == {"val"}


def test_seeds_depend_on_all_four_and_stay_what_they_are():
    # From outside: printf '1234\0glass/glass1.jpg\0affine\0001' | sha256sum
    assert copy_seed(1234, "glass/glass1.jpg", "affine", 1) == 0x4F768D31B3B26173
    given = [(s, p, g, n) for s in (0, 1) for p in ("a/b.jpg", "a/c.jpg") for g in GROUPS for n in (1, 2)]
    assert len({copy_seed(*one) for one in given}) == len(given)
    assert copy_seed(1, "glass/\udcff.jpg", "basic", 1) >= 0


def test_a_photo_that_is_added_changes_nothing_for_the_others(source, rng):
    before = {copy.path: copy.seed for photo in plan_of(source, copies=2).photos for copy in photo.copies}
    save_photo(source / "glass" / "added.jpg", (1, 2, 3), rng)
    write_splits(
        source / "splits.csv",
        [*read_splits(source / "splits.csv"), PhotoRecord("glass/added.jpg", "glass", "train")],
    )
    after = {copy.path: copy.seed for photo in plan_of(source, copies=2).photos for copy in photo.copies}
    assert before.items() < after.items()


def test_names_never_meet(tmp_path, rng):
    photos = [
        "glass/glass1.jpg",
        "glass/glass1.png",
        "glass/GLASS1.webp",
        "glass/glass1_png.jpg",
        "glass/glass1_basic_1.jpg",
        "glass/deep/glass1.jpg",
        "paper/" + "é" * 120 + ".jpg",
        "paper/" + "é" * 121 + ".jpg",
    ]
    for path in photos:
        save_photo(tmp_path / path, (90, 90, 90), rng, (20, 20))
    plan = plan_of(tmp_path, tmp_path.parent / "elsewhere", split="all", copies=2)
    files = [path.lower() for photo in plan.photos for path in photo.paths]
    assert len(set(files)) == len(files) == len(photos) * 7
    assert all(len(PurePosixPath(path).name.encode()) <= 255 for path in files)
    for photo in plan.photos:
        assert {PurePosixPath(path).parent for path in photo.paths} == {PurePosixPath(photo.record.path).parent}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"probability": "often"}, "--probability must be one of low"),
        ({"copies": 0}, "--copies must be from 1"),
        ({"seed": -1}, "--seed must be a whole number from 0"),
        ({"split": "dev"}, "--split must be one of train, val, test or all, not 'dev'"),
    ],
)
def test_settings_that_make_no_sense(settings, words):
    with pytest.raises(RecycleNetError, match=words):
        Settings(**settings)


@pytest.mark.parametrize("target", [".", "glass", "new/deep", "../source", "../link/x"])
def test_a_target_in_the_source_is_refused(source, target):
    (source.parent / "link").symlink_to(source)
    with pytest.raises(RecycleNetError, match=r"must not be .* nor lie in it"):
        plan_of(source, source / target)
    assert sorted(path.name for path in source.iterdir()) == ["glass", "paper", "splits.csv"]


def test_an_opened_target_lists_what_is_to_come(source, tmp_path):
    """So that a folder left half done is refused, and not split anew with copies of one photo on both sides."""
    plan = plan_of(source, tmp_path / "target")
    open_target(plan)
    open_target(plan)
    listed = read_splits(tmp_path / "target" / "splits.csv")
    assert len(listed) == 6 + 2 * 3
    for record in listed:
        wanted = {"0": "train", "1": "val", "2": "test"}
        assert record.split == wanted[record.path.split("/")[1].removeprefix(record.label)[0]]
    with pytest.raises(RecycleNetError, match="lists 12 photos, but 12 of them cannot be found in"):
        open_photo_folder(tmp_path / "target")


def test_a_target_of_something_else_is_refused(source, tmp_path, rng):
    target = tmp_path / "target"
    open_target(plan_of(source, target))
    for settings, words in (({"seed": 5}, "seed 1234"), ({"probability": "mid"}, "probability 'low'")):
        with pytest.raises(RecycleNetError, match=rf"with other settings \({words}\)"):
            open_target(plan_of(source, target, **settings))
    save_photo(source / "glass" / "glass0.jpg", (1, 2, 3), rng, (50, 50))
    with pytest.raises(RecycleNetError, match="was made from other photos"):
        open_target(plan_of(source, target))
    for text in ("not json", json.dumps([1])):
        (target / "augment.json").write_text(text)
        with pytest.raises(RecycleNetError, match="another folder"):
            open_target(plan_of(source, target))
    (target / "augment.json").unlink()
    with pytest.raises(RecycleNetError, match="is not empty and was not made by this command"):
        open_target(plan_of(source, target))
    with pytest.raises(RecycleNetError, match="cannot make the folder"):
        open_target(plan_of(source, source.parent / "source" / "splits.csv" / ".." / ".." / "target" / "splits.csv"))


def test_unsplit_folders_get_the_split_that_training_makes(class_folders):
    folder, decided = open_source(class_folders)
    assert decided == "the split that training on it would make (70/13/17, seed 1234)"
    assert folder.is_split
    assert not (class_folders / "splits.csv").exists()
    assert folder.records == split_photo_folder(class_folders).records
    assert open_source(class_folders)[1] is None


def test_trashnets_photo_folder_alone_keeps_the_official_split(tmp_path, rng):
    photos = tmp_path / "dataset-resized"
    for label in ("glass", "paper"):
        for number in range(1, 5):
            save_photo(photos / label / f"{label}{number}.jpg", (90, 90, 90), rng, (20, 20))
    for name, number in (("train", 1), ("val", 2), ("test", 3)):
        lines = f"glass{number}.jpg 1\npaper{number}.jpg 2\n"
        (tmp_path / f"one-indexed-files-notrash_{name}.txt").write_text(lines)
    folder, decided = open_source(photos)
    assert decided == f"the split of the lists in {tmp_path}"
    assert folder.counts() == {split: {"glass": n, "paper": n} for split, n in (("train", 2), ("val", 1), ("test", 1))}
    assert {r.path: r.split for r in folder.records}["glass/glass3.jpg"] == "test"
