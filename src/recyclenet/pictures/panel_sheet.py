"""Pictures in labelled columns, one row a model, for one photo or many; with a colour bar that explains them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from recyclenet.pictures.heatmap import mosaic
from recyclenet.pictures.text import font, ink_on, shorten

_GAP = 12
_NAMES = 210  # width of the column with the models' names
_HEAD = 34  # height of the column titles
_BAND = 38  # height of the line above a photo's rows
_CAPTION = 26
_BAR = (240, 16)
_LINE = 20  # of the legend

_INK, _FAINT, _RULE, _EMPTY = "#212121", "#616161", "#e0e0e0", "#f5f5f5"
_VERDICT = {True: "#2e7d32", False: "#c62828", None: "#424242"}


@dataclass(frozen=True)
class Panel:
    """One picture with a short line below; without a picture the line stands in its place."""

    picture: Image.Image | None
    caption: str


@dataclass(frozen=True)
class Row:
    """One model: what it is, its answer (`right` is None where nobody knows), and its pictures by column title."""

    name: str
    remark: str
    source: str
    answer: str
    right: bool | None
    panels: Mapping[str, Panel]


@dataclass(frozen=True)
class Group:
    """One photo: a title, a remark at the right, and a row for each model."""

    title: str
    remark: str
    rows: Sequence[Row]


def panel_sheet(groups: Sequence[Group], columns: Sequence[str], legend: Sequence[str], *, side: int) -> Image.Image:
    """Draws photos below each other under common column titles, and a legend at the foot.

    Args:
        groups: the photos.
        columns: titles in order; every row has a panel for each.
        legend: lines that say what the colour bar's 0 and 1 mean in each column.
        side: of a picture, in pixels.
    """
    width = 2 * _GAP + _NAMES + len(columns) * (side + _GAP)
    high = _row_height(side)
    foot = 2 * _GAP + max(_BAR[1] + _LINE, len(legend) * _LINE)
    height = _HEAD + sum(_BAND + len(group.rows) * high for group in groups) + foot
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for number, title in enumerate(columns):
        middle = _left(number, side) + side / 2
        draw.text((middle, _HEAD / 2 + 4), title, fill=_INK, font=font(16, title), anchor="mm")
    top = _HEAD
    for group in groups:
        _draw_band(draw, group, top, width)
        top += _BAND
        for row in group.rows:
            _draw_names(draw, row, top)
            for number, title in enumerate(columns):
                _draw_panel(sheet, draw, row.panels[title], (_left(number, side), top), side)
            top += high
    _draw_legend(sheet, draw, legend, top + _GAP, width)
    return sheet


def _row_height(side: int) -> int:
    return side + _CAPTION + 6


def _left(column: int, side: int) -> int:
    return _GAP + _NAMES + column * (side + _GAP)


def _draw_band(draw: ImageDraw.ImageDraw, group: Group, top: int, width: int) -> None:
    draw.rectangle((_GAP, top, width - _GAP - 1, top + _BAND - 9), fill="#eceff1")
    middle = top + (_BAND - 8) / 2
    remark = shorten(draw, group.remark, width / 2 - 2 * _GAP, 15)
    room = width - 4 * _GAP - draw.textlength(remark, font=font(15, remark)) - 8
    title = shorten(draw, group.title, room, 16)
    draw.text((_GAP + 10, middle), title, fill=_INK, font=font(16, title), anchor="lm")
    draw.text((width - _GAP - 10, middle), remark, fill=_INK, font=font(15, remark), anchor="rm")


def _draw_names(draw: ImageDraw.ImageDraw, row: Row, top: int) -> None:
    room = _NAMES - _GAP
    for text, size, ink, down in ((row.name, 17, _INK, 2), (row.remark, 15, _INK, 24), (row.source, 12, _FAINT, 46)):
        line = shorten(draw, text, room, size)
        draw.text((_GAP, top + down), line, fill=ink, font=font(size, line), anchor="la")
    colour = ImageColor.getrgb(_VERDICT[row.right])[:3]
    ink = ink_on(colour)
    mark = 0 if row.right is None else 22
    answer = shorten(draw, row.answer, room - mark - 20, 17)
    wide = draw.textlength(answer, font=font(17, answer)) + mark + 20
    draw.rectangle((_GAP, top + 68, _GAP + wide, top + 97), fill=colour)
    draw.text((_GAP + 10 + mark, top + 83), answer, fill=ink, font=font(17, answer), anchor="lm")
    if row.right is not None:
        _draw_mark(draw, (_GAP + 10, top + 76), right=row.right, ink=ink)


def _draw_mark(draw: ImageDraw.ImageDraw, place: tuple[int, int], *, right: bool, ink: str) -> None:
    """A tick or a cross, 14 pixels wide, drawn because the font has neither."""
    x, y = place
    strokes = [[(0, 7), (5, 12), (13, 2)]] if right else [[(1, 1), (12, 12)], [(12, 1), (1, 12)]]
    for stroke in strokes:
        draw.line([(x + right_by, y + down) for right_by, down in stroke], fill=ink, width=3, joint="curve")


def _draw_panel(sheet: Image.Image, draw: ImageDraw.ImageDraw, panel: Panel, place: tuple[int, int], side: int) -> None:
    left, top = place
    caption = shorten(draw, panel.caption, side, 13)
    if panel.picture is None:
        draw.rectangle((left, top, left + side - 1, top + side - 1), fill=_EMPTY, outline=_RULE)
        draw.text((left + side / 2, top + side / 2), caption, fill=_FAINT, font=font(13, caption), anchor="mm")
        return
    sheet.paste(panel.picture.resize((side, side), Image.Resampling.LANCZOS), place)
    middle = (left + side / 2, top + side + _CAPTION / 2)
    draw.text(middle, caption, fill=_FAINT, font=font(13, caption), anchor="mm")


def _draw_legend(sheet: Image.Image, draw: ImageDraw.ImageDraw, legend: Sequence[str], top: int, width: int) -> None:
    bar = mosaic(np.linspace(0, 1, _BAR[0], dtype=np.float32)[None], _BAR)
    sheet.paste(bar, (_GAP, top))
    for text, place, anchor in (("0", _GAP, "la"), ("1", _GAP + _BAR[0], "ra")):
        draw.text((place, top + _BAR[1] + 3), text, fill=_FAINT, font=font(13), anchor=anchor)
    left = 2 * _GAP + _BAR[0] + 8
    for number, line in enumerate(legend):
        text = shorten(draw, line, width - left - _GAP, 13)
        middle = top + _BAR[1] / 2 + number * _LINE
        draw.text((left, middle), text, fill=_FAINT, font=font(13, text), anchor="lm")
