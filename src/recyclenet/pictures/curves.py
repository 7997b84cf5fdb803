"""Curves of trust as pictures: the reliability diagram, and risk against coverage."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from recyclenet.pictures.text import font

_PLOT = 400
_MARGIN = 70
_INK, _GRID, _BLUE, _PALE = "#212121", "#e0e0e0", "#1565c0", "#bbdefb"

Point = tuple[float, float]


def reliability_picture(bins: Sequence[tuple[float, float, float]], title: str) -> Image.Image:
    """Bars of how often answers are right over how probable they were said to be; on the diagonal both agree.

    Args:
        bins: (low, high, share of right answers), all in [0, 1]; bins without answers are left out.
        title: above it.
    """
    picture, draw = _axes(title, "probability of the answer", "share of right answers", 1.0)
    for low, high, share in bins:
        left, bottom = _place((low, 0.0))
        right, top = _place((high, share))
        draw.rectangle((left + 1, top, right - 1, bottom), fill=_PALE, outline=_BLUE)
    draw.line((*_place((0, 0)), *_place((1, 1))), fill=_INK, width=2)
    return picture


def risk_picture(points: Sequence[Point], title: str) -> Image.Image:
    """Share of wrong answers over the share of photos answered, the surest first.

    Args:
        points: (coverage, risk), rising in coverage, all in [0, 1].
        title: above it.
    """
    highest = max((risk for _, risk in points), default=0.0)
    # The next of 5 %, 10 %, 20 %, 50 %, 100 %: curves near 0 would not be seen otherwise.
    top = next(limit for limit in (0.05, 0.1, 0.2, 0.5, 1.0) if highest <= limit)
    picture, draw = _axes(title, "share of photos answered", "share of wrong answers", top)
    line = [_place((coverage, risk / top)) for coverage, risk in points]
    if len(line) > 1:
        draw.line(line, fill=_BLUE, width=3, joint="curve")
    return picture


def _axes(title: str, below: str, beside: str, top: float) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    side = _PLOT + 2 * _MARGIN
    picture = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((side / 2, 24), title, fill=_INK, font=font(18, title), anchor="mm")
    for step in range(5):
        share = step / 4
        draw.line((*_place((share, 0)), *_place((share, 1))), fill=_GRID)
        draw.line((*_place((0, share)), *_place((1, share))), fill=_GRID)
        x, y = _place((share, 0))
        draw.text((x, y + 16), f"{100 * share:g} %", fill=_INK, font=font(13), anchor="mm")
        x, y = _place((0, share))
        draw.text((x - 8, y), f"{100 * share * top:g} %", fill=_INK, font=font(13), anchor="rm")
    draw.text((side / 2, side - 22), below, fill=_INK, font=font(15), anchor="mm")
    draw.text((12, _MARGIN - 18), beside, fill=_INK, font=font(15), anchor="lm")
    return picture, draw


def _place(point: Point) -> Point:
    return _MARGIN + point[0] * _PLOT, _MARGIN + (1 - point[1]) * _PLOT
