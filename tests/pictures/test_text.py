import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor, ImageDraw

from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.pictures import text as lettering
from recyclenet.pictures.text import font, ink_on, shorten
from recyclenet.rules import ASK, default_rules

DRAW = ImageDraw.Draw(Image.new("RGB", (8, 8)))


def width_of(text: str, size: int) -> float:
    return DRAW.textlength(text, font=font(size))


def test_a_text_that_fits_stays():
    assert shorten(DRAW, "glass", 1000, 16) == "glass"
    assert shorten(DRAW, "glass", width_of("glass", 16), 16) == "glass"
    assert shorten(DRAW, "", 0, 16) == ""


def test_a_long_text_is_cut_in_its_middle():
    short = shorten(DRAW, "IMG_20240131_holiday_kitchen.jpg", 120, 13)
    head, tail = short.split("…")
    assert "IMG_20240131_holiday_kitchen.jpg".startswith(head)
    assert "IMG_20240131_holiday_kitchen.jpg".endswith(tail)
    assert len(head) - len(tail) in (0, 1)
    assert width_of(short, 13) <= 120 < width_of("IMG_20240131_holiday_kitchen.jpg", 13)


def test_no_more_is_cut_than_needed():
    text = "W" * 10
    assert shorten(DRAW, text, width_of(text, 16) - 1, 16) == "WWWWW…WWWW"


def test_no_room_at_all():
    assert shorten(DRAW, "glass", 1, 16) == "…"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.text(string.ascii_letters + string.digits + " ._-()", min_size=2, max_size=60),
    st.integers(40, 250),
    st.sampled_from([13, 16, 18]),
)
def test_shorten_fits_and_keeps_both_ends(text, width, size):
    short = shorten(DRAW, text, width, size)
    assert width_of(short, size) <= width
    if width_of(text, size) <= width:
        assert short == text
        return
    head, tail = short.split("…")
    assert head
    assert tail
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) + len(tail) < len(text)
    assert len(head) - len(tail) in (0, 1)
    kept = len(short)
    if kept < len(text):
        longer = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
        assert width_of(longer, size) > width


@pytest.mark.parametrize("text", ["two\nlines", "\n", "a\r\nb", "line\n" * 100])
def test_a_line_break_does_not_stop_it(text):
    short = shorten(DRAW, text, 80, 16)
    assert "\n" not in short
    assert width_of(short, 16) <= 80


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """WCAG 2 contrast ratio, from its definition."""

    def luminance(colour: tuple[int, int, int]) -> float:
        total = 0.0
        for weight, part in zip((0.2126, 0.7152, 0.0722), colour, strict=True):
            value = part / 255
            total += weight * (value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4)
        return total

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_ink_has_the_higher_contrast(rng):
    colours = [tuple(colour) for colour in rng.integers(0, 256, (2000, 3)).tolist()]
    colours += [(grey, grey, grey) for grey in range(256)]
    for colour in colours:
        on_black, on_white = contrast(colour, (0, 0, 0)), contrast(colour, (255, 255, 255))
        assert ink_on(colour) == ("black" if on_black > on_white else "white"), colour


def test_headlines_of_all_bins_are_readable():
    for one in (*default_rules().bins.values(), ASK):
        colour = ImageColor.getrgb(one.colour)
        assert contrast(colour, ImageColor.getrgb(ink_on(colour))) >= 4.5


def test_every_character_of_the_program_has_a_glyph():
    used = set(string.ascii_letters + string.digits + string.punctuation + "…%,:")
    used |= set("".join(TRASHNET_CLASSES))
    used |= set("".join(one.name for one in (*default_rules().bins.values(), ASK)))
    used.discard(" ")
    for size in (13, 16, 18):
        missing = font(size).getmask("\uffff")
        without = [
            sign
            for sign in sorted(used)
            if (mask := font(size).getmask(sign)).size == missing.size and bytes(mask) == bytes(missing)
        ]
        assert without == []


def test_the_check_for_glyphs_finds_one_that_is_missing():
    assert bytes(font(16).getmask("\uffff")) == bytes(font(16).getmask("\ufffe"))
    assert bytes(font(16).getmask("\uffff")) != bytes(font(16).getmask("a"))


def test_fonts_have_their_size():
    assert font(16) is font(16)
    for size in (13, 16, 32):
        left, top, right, bottom = font(size).getbbox("dp")
        assert size * 0.7 < bottom - top < size * 1.2
        assert left < right


def test_letters_beyond_ascii_are_drawn_or_replaced(monkeypatch):
    name = "Métal größe 玻璃\n2"
    if lettering._system(16) is not None:
        assert lettering.drawable(name) == "Métal größe 玻璃 2"
        assert lettering.font(16, "é") is not lettering.font(16, "e")
    monkeypatch.setattr(lettering, "_system", lambda size: None)
    assert lettering.drawable(name) == "Metal gro?e ?? 2"
    assert lettering.font(16, "é") is lettering.font(16, "e")
