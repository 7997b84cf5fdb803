import numpy as np
import pytest

from recyclenet.pictures.confusion import confusion_picture

FULL, WHITE, BLACK = (8, 48, 107), (255, 255, 255), (0, 0, 0)
CELL, MARGIN = 64, 130


def corner(picture, row, column):
    """A pixel of a cell that no number reaches."""
    return picture.getpixel((MARGIN + column * CELL + 2, MARGIN + row * CELL + 2))


def inks(picture, row, column):
    left, top = MARGIN + column * CELL, MARGIN + row * CELL
    return {colour for _, colour in picture.crop((left, top, left + CELL - 1, top + CELL - 1)).getcolors(10_000)}


@pytest.mark.parametrize("classes", [1, 2, 6, 11])
def test_size(classes):
    names = [f"class{n}" for n in range(classes)]
    picture = confusion_picture(np.eye(classes, dtype=int).tolist(), names)
    assert (picture.size, picture.mode) == ((MARGIN + CELL * classes + 20,) * 2, "RGB")


def test_a_full_row_is_dark_and_the_rest_white():
    picture = confusion_picture([[0, 7, 0], [0, 0, 3], [1, 0, 0]], ["a", "b", "c"])
    dark = {(0, 1), (1, 2), (2, 0)}
    for row in range(3):
        for column in range(3):
            assert corner(picture, row, column) == (FULL if (row, column) in dark else WHITE)


def test_a_class_without_photos_is_white():
    picture = confusion_picture([[0, 0], [0, 5]], ["a", "b"])
    assert inks(picture, 0, 0) == inks(picture, 0, 1) == inks(picture, 1, 0) == {WHITE}
    assert corner(picture, 1, 1) == FULL


def test_colour_is_the_share_of_the_row():
    counts = [[1, 2, 3, 4], [10, 20, 30, 40], [1, 0, 0, 0], [25, 25, 25, 25]]
    picture = confusion_picture(counts, ["a", "b", "c", "d"])
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            share = count / sum(line)
            expected = tuple(round(255 * (1 - share) + part * share) for part in FULL)
            found = corner(picture, row, column)
            assert all(abs(one - other) <= 1 for one, other in zip(found, expected, strict=True))


def test_counts_are_written_readably():
    picture = confusion_picture([[100, 0], [50, 50]], ["a", "b"])
    assert WHITE in inks(picture, 0, 0)
    assert inks(picture, 0, 1) == {WHITE}
    pale = confusion_picture([[9, 1], [0, 1]], ["a", "b"])
    assert BLACK in inks(pale, 0, 1)


def test_cells_do_not_touch():
    picture = confusion_picture([[1, 0], [1, 0]], ["a", "b"])
    assert picture.getpixel((MARGIN + 10, MARGIN + CELL - 2)) == FULL
    assert picture.getpixel((MARGIN + 10, MARGIN + CELL - 1)) == WHITE
    assert picture.getpixel((MARGIN + 10, MARGIN + CELL)) == FULL


@pytest.mark.parametrize("name", ["w" * 200, "two\nlines", ""])
def test_odd_class_names_leave_the_cells_alone(name):
    counts = [[3, 1], [0, 4]]
    usual = confusion_picture(counts, ["a", "b"])
    odd = confusion_picture(counts, [name, "b"])
    cells = (MARGIN, MARGIN, *usual.size)
    assert odd.size == usual.size
    assert odd.crop(cells).tobytes() == usual.crop(cells).tobytes()


def test_class_names_are_written_on_both_sides():
    usual = confusion_picture([[1, 0], [0, 1]], ["aaa", "bbb"])
    other = confusion_picture([[1, 0], [0, 1]], ["aaa", "mmm"])
    for side in ((0, MARGIN, MARGIN, usual.height), (MARGIN, 0, usual.width, MARGIN)):
        assert usual.crop(side).tobytes() != other.crop(side).tobytes()
