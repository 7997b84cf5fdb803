from itertools import combinations, permutations

import pytest

from recyclenet.labels import TRASHNET_CLASSES, class_order


def test_trashnet_numbers_its_classes_so():
    assert TRASHNET_CLASSES == ("glass", "paper", "cardboard", "plastic", "metal", "trash")


def test_trashnet_names_keep_their_order_however_they_come():
    for labels in permutations(TRASHNET_CLASSES):
        assert class_order(labels) == TRASHNET_CLASSES


def test_some_of_them_keep_their_order():
    for size in range(1, 6):
        for some in combinations(TRASHNET_CLASSES, size):
            assert class_order(reversed(some)) == some


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["trash", "glass", "wood"], ("glass", "trash", "wood")),
        (["b", "a", "b"], ("a", "b")),
        (["plastic", "Glass"], ("Glass", "plastic")),
        (["metal", "glass", "metal"], ("glass", "metal")),
        ([], ()),
    ],
)
def test_one_foreign_name_makes_it_alphabetical(labels, order):
    assert class_order(labels) == order
    assert class_order(iter(labels[::-1])) == order
