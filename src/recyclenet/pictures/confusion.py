"""A confusion matrix as a picture: rows are true classes, columns answers, colour by share of the row."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from recyclenet.pictures.text import font, ink_on, shorten

_CELL = 64
_MARGIN = 130
_FULL = (8, 48, 107)  # a whole row's share in one cell


def confusion_picture(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Image.Image:
    """Draws counts (K, K) with the class names beside them; many classes make a large picture."""
    side = _CELL * len(classes)
    picture = Image.new("RGB", (_MARGIN + side + 20, _MARGIN + side + 20), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((_MARGIN + side / 2, 24), "answer", fill="#424242", font=font(18), anchor="mm")
    draw.text((_MARGIN - 12, 24), "true class", fill="#424242", font=font(18), anchor="rm")
    for number, name in enumerate(classes):
        middle = _MARGIN + number * _CELL + _CELL / 2
        beside, above = (shorten(draw, name, width, 16) for width in (_MARGIN - 24, 2 * _CELL - 12))
        draw.text((_MARGIN - 12, middle), beside, fill="black", font=font(16, beside), anchor="rm")
        # Long names would meet their neighbours: every second one a line higher.
        height = _MARGIN - (16 if number % 2 == 0 else 40)
        draw.text((middle, height), above, fill="black", font=font(16, above), anchor="mm")
    for row, counts in enumerate(matrix):
        total = sum(counts)
        for column, count in enumerate(counts):
            share = count / total if total else 0.0
            colour = tuple(round(255 + share * (part - 255)) for part in _FULL)
            left, top = _MARGIN + column * _CELL, _MARGIN + row * _CELL
            draw.rectangle((left, top, left + _CELL - 2, top + _CELL - 2), fill=colour)
            if count:
                place = (left + _CELL / 2 - 1, top + _CELL / 2 - 1)
                draw.text(place, str(count), fill=ink_on(colour), font=font(18), anchor="mm")  # type: ignore[arg-type]
    return picture
