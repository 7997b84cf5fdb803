import numpy as np
import pytest
from PIL import Image, ImageColor

from recyclenet.pictures.panel_sheet import Group, Panel, Row, panel_sheet

SIDE = 64
BLUE, LIME = (10, 20, 250), (180, 250, 20)
RIGHT, WRONG, UNKNOWN = (ImageColor.getrgb(name) for name in ("#2e7d32", "#c62828", "#424242"))


def plain(colour, size=SIDE):
    return Image.new("RGB", (size, size), colour)


def row(left, right, verdict=None, answer="glass 97.0 %"):
    return Row("resnet18", "no attention", "a.safetensors", answer, verdict, {"one": left, "two": right})


def draw(*groups, columns=("one", "two"), legend=("a line",), side=SIDE):
    return np.asarray(panel_sheet(groups, columns, legend, side=side)).astype(int)


def places(sheet, colour):
    """Where a colour is: (top, bottom, left, right), the ends not included."""
    rows, columns = (np.abs(sheet - np.array(colour)).max(axis=2) <= 1).nonzero()
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def test_pictures_stand_in_their_columns_at_full_size():
    sheet = draw(Group("photo", "", [row(Panel(plain(BLUE), "x"), Panel(plain(LIME, 20), "y"))]))
    top, bottom, left, right = places(sheet, BLUE)
    assert (bottom - top, right - left) == (SIDE, SIDE)
    other = places(sheet, LIME)
    assert other[:2] == (top, bottom)
    assert other[3] - other[2] == SIDE
    assert other[2] > right
    assert sheet.shape[1] > other[3]


def test_every_column_row_and_photo_adds_the_same():
    one = row(Panel(plain(BLUE), "x"), Panel(plain(LIME), "y"))
    base = draw(Group("photo", "", [one]))
    assert draw(Group("photo", "", [one]), columns=("one",)).shape[1] == base.shape[1] - (SIDE + 12)
    two_rows, three_rows = (draw(Group("photo", "", [one] * count)) for count in (2, 3))
    step = two_rows.shape[0] - base.shape[0]
    assert three_rows.shape[0] - two_rows.shape[0] == step > SIDE
    two_photos = draw(*[Group("photo", "", [one])] * 2)
    assert two_photos.shape[0] > two_rows.shape[0]
    assert two_photos.shape[1] == base.shape[1]


def test_a_small_side_still_has_room_for_the_names():
    tiny = Panel(plain(BLUE, 8), "")
    sheet = draw(Group("p", "", [row(tiny, tiny, True), row(tiny, tiny, False)]), side=8)
    assert places(sheet, RIGHT)[1] <= places(sheet, WRONG)[0]


@pytest.mark.parametrize(("verdict", "colour"), [(True, RIGHT), (False, WRONG), (None, UNKNOWN)])
def test_the_answer_stands_on_the_colour_of_its_verdict(verdict, colour):
    panel = Panel(plain(BLUE), "x")
    sheet = draw(Group("photo", "", [row(panel, panel, verdict)]))
    names = sheet[:, : places(sheet, BLUE)[2]]
    (full,) = ((names == np.array(colour)).all(axis=2).sum(axis=1) > 100).nonzero()
    assert 10 < full.max() - full.min() < 40
    others = {RIGHT, WRONG} - {colour}
    assert not any((sheet == np.array(other)).all(axis=2).any() for other in others)


def test_long_and_foreign_names_stay_in_their_places():
    panel = Panel(plain(BLUE), "瓶 " * 60)
    long = Row("n" * 300, "r" * 300, "s" * 300, "a" * 300, True, {"one": panel, "two": panel})
    sheet = draw(Group("t" * 500, "true label: " + "x" * 500, [long]), legend=["l" * 500])
    assert sheet.shape == draw(Group("", "", [row(panel, panel)])).shape
    picture = places(sheet, BLUE)
    band = sheet[picture[0] : picture[1], picture[2] - 12 : picture[2]]
    assert (band == 255).all()
    assert (sheet[:, -6:] == 255).all()


def test_without_a_picture_a_line_stands_in_its_place():
    here, gone = Panel(plain(BLUE), ""), Panel(None, "none in this network")
    with_line = draw(Group("photo", "", [row(here, gone)]))
    without = draw(Group("photo", "", [row(here, Panel(None, ""))]))
    assert with_line.shape == without.shape
    top, bottom, _, right = places(with_line, BLUE)
    different = (with_line != without).any(axis=2).nonzero()
    assert top < different[0].min() < different[0].max() < bottom
    assert different[1].min() > right


def test_the_colour_bar_runs_from_cold_to_hot():
    panel = Panel(plain(BLUE), "")
    sheet = draw(Group("photo", "", [row(panel, panel)]))
    top, bottom, left, _ = places(sheet, (13, 8, 60))
    _, _, _, right = places(sheet, (252, 255, 164))
    assert top > places(sheet, BLUE)[1]
    grey = sheet[(top + bottom) // 2, left:right] @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(grey) >= -1).all()
    assert len(grey) == 240
