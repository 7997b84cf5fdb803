from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recyclenet.data.folder import PhotoFolder, open_photo_folder
from recyclenet.data.folds import deal_folds, fold_files, fold_records, grouped_records, write_folds
from recyclenet.data.splits import split_records
from recyclenet.errors import RecycleNetError


def photos(**counts: int) -> list[tuple[str, str]]:
    return [(f"{label}/{i}.jpg", label) for label, count in counts.items() for i in range(count)]


def test_without_groups_it_is_the_ordinary_split() -> None:
    labelled = photos(can=57, bag=31, jar=2)
    for seed in (1, 1234):
        for fractions in ((0.7, 0.13, 0.17), (0.8, 0.0, 0.2)):
            expected = split_records(labelled, seed=seed, fractions=fractions)
            assert grouped_records(labelled, {}, seed=seed, fractions=fractions) == expected


def test_groups_stay_in_one_split_and_the_sizes_are_the_same() -> None:
    labelled = photos(can=100, bag=60)
    groups = {f"can/{i}.jpg": f"pair {i // 2}" for i in range(30)} | {"bag/0.jpg": "mixed", "can/99.jpg": "mixed"}
    records = grouped_records(labelled, groups)
    split_of = {record.path: record.split for record in records}
    for name in set(groups.values()):
        assert len({split_of[path] for path in groups if groups[path] == name}) == 1
    assert Counter((r.label, r.split) for r in records) == Counter((r.label, r.split) for r in split_records(labelled))
    assert grouped_records(labelled[::-1], groups) == records


@settings(max_examples=60)
@given(
    st.integers(6, 40),
    st.integers(6, 40),
    st.lists(st.tuples(st.integers(0, 79), st.integers(0, 79)), max_size=12),
    st.integers(2, 6),
    st.integers(0, 9),
)
def test_each_photo_is_tested_once_and_no_group_crosses(cans, bags, pairs, folds, seed) -> None:
    labelled = photos(can=cans, bag=bags)
    total = len(labelled)
    groups = {}
    for number, (a, b) in enumerate(pairs):
        groups |= {labelled[a % total][0]: f"g{number}", labelled[b % total][0]: f"g{number}"}
    splits = fold_records(labelled, groups, folds=folds, seed=seed)
    assert len(splits) == folds
    tested = [record.path for records in splits for record in records if record.split == "test"]
    assert sorted(tested) == sorted(path for path, _ in labelled)
    for records in splits:
        assert [(record.path, record.label) for record in records] == sorted(labelled)
        split_of = {record.path: record.split for record in records}
        for name in set(groups.values()):
            assert len({split_of[path] for path in groups if groups[path] == name}) == 1


def test_folds_are_stratified_and_their_sizes_even() -> None:
    labelled = photos(a=403, b=137, c=501, d=410, e=594, f=482)
    groups = {f"a/{i}.jpg": f"pair {i // 2}" for i in range(40)} | {"b/0.jpg": "x", "c/0.jpg": "x"}
    folds = deal_folds(labelled, groups, folds=5, seed=1234)
    tally = Counter((label, folds[path]) for path, label in labelled)
    for label in "abcdef":
        numbers = [tally[label, fold] for fold in range(5)]
        assert max(numbers) - min(numbers) <= 1
    sizes = Counter(folds.values())
    assert sorted(sizes.values()) == [505, 505, 505, 506, 506]


def test_train_and_val_share_the_rest_as_told() -> None:
    (first, *_) = fold_records(photos(can=100, bag=100), {}, folds=5, fractions=(0.6, 0.2, 0.2))
    assert Counter(record.split for record in first) == {"train": 120, "val": 40, "test": 40}
    (first, *_) = fold_records(photos(can=100, bag=100), {}, folds=5, fractions=(0.8, 0.0, 0.2))
    assert Counter(record.split for record in first) == {"train": 160, "test": 40}


@pytest.mark.parametrize("folds", [-1, 0, 1, 7])
def test_too_few_or_too_many_folds(folds: int) -> None:
    with pytest.raises(RecycleNetError, match=rf"between 2 folds and one a photo \(6\), not {folds}"):
        fold_records(photos(can=3, bag=3), {}, folds=folds)


def test_files_are_the_same_bytes_again_and_open_as_data(class_folders: Path) -> None:
    folder = open_photo_folder(class_folders)
    files = fold_files(folder, 3)
    assert [file.name for file in files] == [f"splits-fold{number}of3.csv" for number in (1, 2, 3)]
    write_folds(files, folder, {}, seed=5)
    first = [file.read_bytes() for file in files]
    with pytest.raises(RecycleNetError, match=r"splits-fold1of3\.csv is there already; --force"):
        fold_files(folder, 3)
    shuffled = PhotoFolder(folder.root, folder.records[::-1], is_split=False)
    write_folds(fold_files(folder, 3, force=True), shuffled, {}, seed=5)
    assert [file.read_bytes() for file in files] == first
    write_folds(files, folder, {}, seed=6)
    assert [file.read_bytes() for file in files] != first

    assert not open_photo_folder(class_folders).is_split
    opened = open_photo_folder(files[1])
    assert (opened.root, opened.is_split) == (class_folders, True)
    assert sum(opened.counts()["test"].values()) == 20
    (class_folders / "glass" / "glass0.jpg").unlink()
    with pytest.raises(RecycleNetError, match=r"splits-fold2of3\.csv lists 60 photos, but 1 of them"):
        open_photo_folder(files[1])
