from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recyclenet.data.groups import connect, deal


def test_connect_joins_over_several_steps() -> None:
    assert connect(7, [(5, 2), (0, 4), (2, 6), (6, 5)]) == [0, 1, 2, 3, 0, 2, 2]
    assert connect(3, []) == [0, 1, 2]


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=15))
def test_connect_is_the_closure(count: int, pairs: list[tuple[int, int]]) -> None:
    pairs = [(a % count, b % count) for a, b in pairs]
    reach = [[i == j or (i, j) in pairs or (j, i) in pairs for j in range(count)] for i in range(count)]
    for k in range(count):  # Warshall
        reach = [[reach[i][j] or (reach[i][k] and reach[k][j]) for j in range(count)] for i in range(count)]
    assert connect(count, pairs) == [row.index(True) for row in reach]


def test_by_hand_where_a_group_goes() -> None:
    labelled = [(f"{name}.jpg", "can") for name in "abcdef"]
    groups = dict.fromkeys(["a.jpg", "b.jpg", "c.jpg"], "trio") | dict.fromkeys(["d.jpg", "e.jpg"], "pair")
    # The trio exceeds the second part's two by one and fits the first; the pair then only fits the second.
    parts = deal(labelled, groups, [{"can": 4}, {"can": 2}], seed=1)
    assert parts == {"a.jpg": 0, "b.jpg": 0, "c.jpg": 0, "d.jpg": 1, "e.jpg": 1, "f.jpg": 0}


def test_a_part_that_is_to_stay_empty_does() -> None:
    labelled = [(f"{i}.jpg", "can") for i in range(9)]
    parts = deal(labelled, {path: "all" for path, _ in labelled[:6]}, [{"can": 4}, {"can": 0}, {"can": 5}], seed=0)
    assert set(parts.values()) == {0, 2}


LABELLED = st.lists(st.sampled_from(["can", "bag", "jar"]), min_size=1, max_size=40)


@given(LABELLED, st.lists(st.integers(0, 25), min_size=40, max_size=40), st.integers(2, 5), st.integers())
def test_groups_stay_whole_and_everybody_is_dealt(labels, names, count, seed) -> None:
    labelled = [(f"{i}.jpg", label) for i, label in enumerate(labels)]
    groups = {f"{i}.jpg": str(names[i]) for i in range(len(labels)) if names[i] < 8}
    totals = Counter(labels)
    targets = [{n: total // count + (i < total % count) for n, total in totals.items()} for i in range(count)]
    parts = deal(labelled, groups, targets, seed=seed)
    assert set(parts) == {path for path, _ in labelled}
    for name in set(groups.values()):
        assert len({parts[path] for path, group in groups.items() if group == name}) == 1
    assert deal(labelled[::-1], groups, targets, seed=seed) == parts


@given(LABELLED, st.integers(1, 4), st.integers())
def test_without_groups_every_target_is_met(labels, count, seed) -> None:
    labelled = [(f"{i}.jpg", label) for i, label in enumerate(labels)]
    totals = Counter(labels)
    targets = [{n: total // count + (i < total % count) for n, total in totals.items()} for i in range(count)]
    parts = deal(labelled, {}, targets, seed=seed)
    for part, target in enumerate(targets):
        found = Counter(label for path, label in labelled if parts[path] == part)
        assert dict(found) == {label: number for label, number in target.items() if number}


@pytest.mark.parametrize("size", [2, 3])
def test_pairs_are_spread_in_proportion(size: int) -> None:
    labelled = [(f"{i}.jpg", "can") for i in range(100 * size)]
    groups = {path: str(i // size) for i, (path, _) in enumerate(labelled)}
    parts = deal(labelled, groups, [{"can": share * size} for share in (70, 13, 17)], seed=3)
    assert Counter(parts.values()) == {0: 70 * size, 1: 13 * size, 2: 17 * size}
