import csv
import hashlib
import tempfile
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recyclenet.data.splits import SPLITS, PhotoRecord, is_inside, read_splits, split_records, write_splits
from recyclenet.errors import RecycleNetError

HEADER = "path,label,split\n"


def photos(label: str, count: int) -> list[tuple[str, str]]:
    return [(f"{label}/{label}{number}.jpg", label) for number in range(count)]


def counts(records, label: str) -> tuple[int, ...]:
    tally = Counter(record.split for record in records if record.label == label)
    return tuple(tally[split] for split in SPLITS)


# 70 %, 13 %, 17 %: whole parts first, then one each to the largest remainders; e.g. of 10: 7.0, 1.3, 1.7 → 7, 1, 2.
BY_HAND = {
    1: (1, 0, 0),
    2: (1, 0, 1),
    3: (1, 1, 1),
    4: (2, 1, 1),
    5: (3, 1, 1),
    7: (5, 1, 1),
    10: (7, 1, 2),
    20: (14, 3, 3),
    100: (70, 13, 17),
    137: (96, 18, 23),
    403: (282, 52, 69),
    594: (416, 77, 101),
}


@pytest.mark.parametrize(("total", "expected"), BY_HAND.items())
def test_default_shares_by_hand(total: int, expected: tuple[int, ...]) -> None:
    assert counts(split_records(photos("can", total)), "can") == expected


def test_every_class_is_split_alike() -> None:
    labelled = [pair for number, total in enumerate(BY_HAND) for pair in photos(f"c{number}", total)]
    records = split_records(labelled)
    assert [counts(records, f"c{number}") for number in range(len(BY_HAND))] == list(BY_HAND.values())


def test_every_photo_comes_back_once_and_sorted() -> None:
    labelled = photos("glass", 31) + photos("can", 17)
    records = split_records(labelled)
    assert [(record.path, record.label) for record in records] == sorted(labelled)


def test_order_within_a_class_is_that_of_the_hash() -> None:
    labelled = photos("can", 20)
    ordered = sorted((path for path, _ in labelled), key=lambda path: hashlib.sha256(f"5:{path}".encode()).hexdigest())
    expected = dict(zip(ordered, ["train"] * 14 + ["val"] * 3 + ["test"] * 3, strict=True))
    assert {record.path: record.split for record in split_records(labelled, seed=5)} == expected


def test_input_order_does_not_matter() -> None:
    labelled = photos("glass", 40) + photos("can", 25)
    assert split_records(labelled) == split_records(labelled[::-1]) == split_records(labelled[1::2] + labelled[::2])


def test_another_seed_is_another_split_of_the_same_sizes() -> None:
    labelled = photos("glass", 100)
    first, second = split_records(labelled, seed=1), split_records(labelled, seed=2)
    assert first == split_records(labelled, seed=1)
    assert first != second
    assert counts(first, "glass") == counts(second, "glass") == (70, 13, 17)


def test_written_bytes_are_pinned(tmp_path: Path) -> None:
    labelled = photos("glass", 30) + photos("papír", 11) + [("a, b/c.jpg", "a, b"), ("a, b/d.jpg", "a, b")]
    write_splits(tmp_path / "s.csv", split_records(labelled))
    written = (tmp_path / "s.csv").read_bytes()
    assert written.startswith(b'path,label,split\n"a, b/c.jpg","a, b",')
    assert hashlib.sha256(written).hexdigest() == "dcb20114b85abbd12983d89e4fc8799b565aeae121eed1637e16800f023718e2"


@pytest.mark.parametrize("total", [*range(1, 40), 200, 201])
def test_a_photo_that_is_added_moves_at_most_two_others_of_its_class(total: int) -> None:
    labelled = photos("can", total) + photos("glass", 50)
    before = {record.path: record.split for record in split_records(labelled)}
    after = {record.path: record.split for record in split_records([*labelled, ("can/new.jpg", "can")])}
    moved = [path for path, split in before.items() if after[path] != split]
    assert len(moved) <= 2
    assert all(path.startswith("can/") for path in moved)


@pytest.mark.parametrize(
    ("fractions", "expected"),
    [
        ((1, 0, 0), (11, 0, 0)),
        ((0.8, 0, 0.2), (9, 0, 2)),
        ((0.8, 0.2, 0), (9, 2, 0)),
        ((0.98, 0.01, 0.01), (9, 1, 1)),
    ],
)
def test_shares_of_zero_stay_empty_and_wanted_splits_do_not(fractions, expected) -> None:
    assert counts(split_records(photos("can", 11), fractions=fractions), "can") == expected


@pytest.mark.parametrize(
    "fractions",
    [
        (0.7, 0.3),
        (0.7, 0.1, 0.1, 0.1),
        (0.7, 0.13, 0.18),
        (0.5, 0.2, 0.2),
        (1.2, -0.1, -0.1),
        (0, 0.5, 0.5),
        (float("inf"), 0, 0),
        (float("nan"), 0.5, 0.5),
        (0.7, 0.3, float("nan")),
    ],
)
def test_shares_that_are_not_shares_of_one_are_refused(fractions) -> None:
    with pytest.raises(RecycleNetError, match="split shares must be three numbers that sum to 1"):
        split_records(photos("can", 11), fractions=fractions)


@settings(deadline=None)
@given(st.integers(1, 400), st.tuples(st.integers(1, 50), st.integers(0, 50), st.integers(0, 50)))
def test_shares_are_never_further_than_one_photo_from_exact(total: int, weights: tuple[int, int, int]) -> None:
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    found = counts(split_records(photos("can", total), fractions=[w / sum(weights) for w in weights]), "can")
    assert sum(found) == total
    assert all(count == 0 for count, weight in zip(found, weights, strict=True) if weight == 0)
    if all(share == 0 or share >= 1 for share in exact):
        assert all(abs(count - share) < 1 for count, share in zip(found, exact, strict=True))
    if total >= 3:
        assert all(count >= 1 for count, weight in zip(found, weights, strict=True) if weight)


NAMES = [
    "a,b.jpg",
    'quo"te.jpg',
    "ünïcødé.jpg",
    "日本/写真.jpg",
    " blank .jpg",
    "two\nlines.jpg",
    "'.jpg",
    "#1.jpg",
    "é.jpg",
]


def test_odd_names_survive_the_file(tmp_path: Path) -> None:
    records = tuple(sorted(PhotoRecord(name, f"label of {name}", SPLITS[i % 3]) for i, name in enumerate(NAMES)))
    write_splits(tmp_path / "s.csv", records[::-1])
    assert read_splits(tmp_path / "s.csv") == records


def test_file_is_sorted_with_plain_line_ends(tmp_path: Path) -> None:
    write_splits(tmp_path / "s.csv", [PhotoRecord("b.jpg", "x", "test"), PhotoRecord("a.jpg", "y", "val")])
    assert (tmp_path / "s.csv").read_bytes() == b"path,label,split\na.jpg,y,val\nb.jpg,x,test\n"


@pytest.mark.parametrize("lead", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_other_programs_are_read(tmp_path: Path, lead: str, end: str) -> None:
    text = f"{lead}path,label,split\nb/1.jpg,b,test\n\na/1.jpg,a,train\n".replace("\n", end)
    (tmp_path / "s.csv").write_bytes(text.encode())
    assert read_splits(tmp_path / "s.csv") == (
        PhotoRecord("a/1.jpg", "a", "train"),
        PhotoRecord("b/1.jpg", "b", "test"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the line path,label,split"),
        ("label,path,split\n", "must begin with the line path,label,split"),
        ("a.jpg,a,train\n", "must begin with the line path,label,split"),
        (HEADER + "a.jpg,a\n", "line 2: expected path,label,split, found 2 values"),
        (HEADER + "a.jpg,a,train,x\n", "line 2: expected path,label,split, found 4 values"),
        (HEADER + "a.jpg,a,train\n../b.jpg,a,train\n", "line 3: the path '../b.jpg' leads out of the data folder"),
        (HEADER + "a/../../b.jpg,a,train\n", "line 2: .* leads out"),
        (HEADER + "a/..,a,train\n", "line 2: .* leads out"),
        (HEADER + "/etc/b.jpg,a,train\n", "line 2: .* leads out"),
        (HEADER + "//host/b.jpg,a,train\n", "line 2: .* leads out"),
        (HEADER + "a\\b.jpg,a,train\n", r"line 2: .* are to be divided by /"),
        ("path;label;split\na.jpg;a;train\n", "path,label,split; its values are divided by ';'"),
        (HEADER + "a\0b.jpg,a,train\n", "line 2: .* leads out|line contains NUL"),
        (HEADER + ".,a,train\n", "line 2: .* leads out"),
        (HEADER + ",a,train\n", "line 2: .* leads out"),
        (HEADER + "a.jpg,a,train\na.jpg,b,test\n", "line 3: a.jpg is listed twice"),
        (HEADER + "a/b.jpg,a,train\n./a//b.jpg,a,test\n", "line 3: a/b.jpg is listed twice"),
        (HEADER + "a.jpg,a,Train\n", "line 2: split must be one of train, val, test, not 'Train'"),
        (HEADER + "a.jpg,a,all\n", "line 2: split must be one of train, val, test, not 'all'"),
        (HEADER + "a.jpg,,train\n", "line 2: the label is empty"),
        (HEADER + "a.jpg,  ,train\n", "line 2: the label is empty"),
        (HEADER + '"a.jpg,a,train\n', "cannot be read as a table of splits"),
        (HEADER + '"a"b.jpg,a,train\n', "cannot be read as a table of splits"),
        (HEADER + "x" * (csv.field_size_limit() + 1) + ",a,train\n", "cannot be read as a table of splits"),
    ],
)
def test_hostile_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.csv").write_bytes(text.encode())
    with pytest.raises(RecycleNetError, match=message) as caught:
        read_splits(tmp_path / "s.csv")
    assert str(tmp_path / "s.csv") in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff\xfe" + HEADER.encode("utf-16-le"), HEADER.encode() + b"\xe9.jpg,a,train\n"])
def test_other_encodings_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "s.csv").write_bytes(data)
    with pytest.raises(RecycleNetError, match="cannot be read as a table of splits"):
        read_splits(tmp_path / "s.csv")


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(RecycleNetError, match="cannot be read as a table of splits"):
            read_splits(path)


def test_a_giant_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "s.csv").open("wb") as file:
        file.truncate(2**30 + 1)
    with pytest.raises(RecycleNetError, match="larger than 1 GiB"):
        read_splits(tmp_path / "s.csv")


def read_anything(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "s.csv")
        path.write_bytes(data)
        try:
            records = read_splits(path)
        except RecycleNetError:
            return
    assert list(records) == sorted(records)
    assert len({record.path for record in records}) == len(records)
    assert all(is_inside(record.path) and record.label.strip() and record.split in SPLITS for record in records)


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=200))
def test_any_bytes_give_records_or_one_error(data: bytes) -> None:
    read_anything(data)


ROW = st.tuples(st.text(max_size=12), st.text(max_size=4), st.sampled_from([*SPLITS, "", "Test"])).map(",".join)


@settings(deadline=None, max_examples=150)
@given(st.lists(ROW | st.text(max_size=30), max_size=6))
def test_any_lines_below_the_header_give_records_or_one_error(lines: list[str]) -> None:
    read_anything((HEADER + "\n".join(lines)).encode("utf-8", "surrogatepass"))


NAME = st.text(st.characters(codec="utf-8", exclude_characters="\\\0\r"), min_size=1, max_size=12).filter(is_inside)
LABEL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=8).filter(str.strip)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(NAME, st.tuples(LABEL, st.sampled_from(SPLITS)), max_size=6))
def test_any_records_survive_the_file(table: dict[str, tuple[str, str]]) -> None:
    records = tuple(sorted(PhotoRecord(path, label, split) for path, (label, split) in table.items()))
    with tempfile.TemporaryDirectory() as folder:
        write_splits(Path(folder, "s.csv"), records)
        assert read_splits(Path(folder, "s.csv")) == records
