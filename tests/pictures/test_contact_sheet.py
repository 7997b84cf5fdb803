import pytest
from PIL import Image

from recyclenet.pictures.contact_sheet import Tile, contact_sheet

RED, BLUE, GREEN, WHITE = (255, 0, 0), (0, 0, 255), (0, 128, 0), (255, 255, 255)
SIDE, BAND, GAP = 200, 30, 12


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (50, 40)) -> Image.Image:
    return Image.new("RGB", size, colour)


def tile(*colours: tuple[int, int, int], band: str = "#424242") -> Tile:
    return Tile([plain(colour) for colour in colours], "glass 99 %", "photo.jpg", band)


@pytest.mark.parametrize(
    ("count", "pictures", "columns", "across", "down"),
    [
        (1, 1, 4, 1, 1),
        (3, 1, 4, 3, 1),
        (4, 2, 4, 4, 1),
        (5, 2, 4, 4, 2),
        (8, 1, 4, 4, 2),
        (9, 1, 4, 4, 3),
        (5, 1, 2, 2, 3),
        (3, 3, 1, 1, 3),
    ],
)
def test_size(count, pictures, columns, across, down):
    sheet = contact_sheet([tile(*[RED] * pictures)] * count, columns=columns)
    high = SIDE + 2 * BAND
    assert sheet.size == (across * (pictures * SIDE + GAP) + GAP, down * (high + GAP) + GAP)
    assert sheet.mode == "RGB"


def test_four_in_a_row_unless_told_otherwise():
    assert contact_sheet([tile(RED)] * 6).size == contact_sheet([tile(RED)] * 6, columns=4).size


def test_no_tiles_make_an_empty_sheet():
    sheet = contact_sheet([])
    assert sheet.getcolors() == [(sheet.width * sheet.height, WHITE)]


def test_tiles_stand_in_reading_order():
    colours = [(10 * n, 255 - 20 * n, 5 * n) for n in range(7)]
    sheet = contact_sheet([tile(colour) for colour in colours], columns=3)
    for number, colour in enumerate(colours):
        left = GAP + number % 3 * (SIDE + GAP)
        top = GAP + number // 3 * (SIDE + 2 * BAND + GAP) + BAND
        whole = sheet.crop((left, top, left + SIDE, top + SIDE))
        assert whole.getcolors() == [(SIDE * SIDE, colour)]
    free = (GAP + SIDE + GAP, GAP + 2 * (SIDE + 2 * BAND + GAP), sheet.width, sheet.height)
    assert sheet.crop(free).getcolors() == [((free[2] - free[0]) * (free[3] - free[1]), WHITE)]


def test_pictures_of_a_tile_stand_side_by_side():
    sheet = contact_sheet([tile(RED, BLUE)])
    top = GAP + BAND
    assert sheet.getpixel((GAP + SIDE - 1, top)) == RED
    assert sheet.getpixel((GAP + SIDE, top)) == BLUE
    assert sheet.getpixel((GAP + 2 * SIDE - 1, top + SIDE - 1)) == BLUE
    assert sheet.getpixel((GAP + 2 * SIDE, top)) == WHITE


def test_the_headline_stands_on_the_colour_of_the_bin():
    sheet = contact_sheet([tile(RED, band="#008000"), tile(RED, band="#f9a825")])
    for left, band, ink in ((GAP, GREEN, WHITE), (GAP + SIDE + GAP, (249, 168, 37), (0, 0, 0))):
        for corner in ((left, GAP), (left + SIDE - 1, GAP), (left, GAP + BAND - 1), (left + SIDE - 1, GAP + BAND - 1)):
            assert sheet.getpixel(corner) == band
        colours = [colour for _, colour in sheet.crop((left, GAP, left + SIDE, GAP + BAND)).getcolors(10_000)]
        assert ink in colours


def test_the_caption_stands_below_on_white():
    place = (GAP, GAP + BAND + SIDE, GAP + SIDE, GAP + 2 * BAND + SIDE)
    with_caption = contact_sheet([Tile([plain(RED)], "x", "photo.jpg")]).crop(place)
    without = contact_sheet([Tile([plain(RED)], "x", "")]).crop(place)
    assert without.getcolors() == [(SIDE * BAND, WHITE)]
    assert len(with_caption.getcolors(10_000)) > 2


def test_long_texts_stay_inside_their_tile():
    sheet = contact_sheet([Tile([plain(RED)], "headline " * 40, "caption " * 40)] * 2, columns=2)
    for left in (0, GAP + SIDE, GAP + 2 * SIDE + GAP):
        assert sheet.crop((left, 0, left + GAP, sheet.height)).getcolors() == [(GAP * sheet.height, WHITE)]


@pytest.mark.parametrize("text", ["two\nlines.jpg", "tab\there.jpg", "", "\x00\x1b[31m.jpg", "\U0001f600.jpg"])
def test_odd_names_do_not_stop_the_sheet(text):
    sheet = contact_sheet([Tile([plain(RED)], text, text)])
    assert sheet.getpixel((GAP + SIDE // 2, GAP + BAND + SIDE // 2)) == RED
