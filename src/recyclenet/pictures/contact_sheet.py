"""Many photos with their answers on one sheet."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageColor, ImageDraw

from recyclenet.pictures.text import font, ink_on, shorten

_SIDE = 200  # of one picture, in pixels
_BAND = 30
_GAP = 12
_COLUMNS = 4


@dataclass(frozen=True)
class Tile:
    """One photo on the sheet: pictures shown side by side, a headline on the bin's colour, a line below."""

    pictures: Sequence[Image.Image]
    headline: str
    caption: str
    colour: str = "#424242"


def contact_sheet(tiles: Sequence[Tile], *, columns: int = _COLUMNS) -> Image.Image:
    """Tiles in reading order, `columns` in a row. All tiles should have as many pictures as the first."""
    wide = max((len(tile.pictures) for tile in tiles), default=1) * _SIDE
    high = _SIDE + 2 * _BAND
    columns = max(1, min(columns, len(tiles)))
    rows = max(1, -(-len(tiles) // columns))
    sheet = Image.new("RGB", (columns * (wide + _GAP) + _GAP, rows * (high + _GAP) + _GAP), "white")
    for number, tile in enumerate(tiles):
        left = _GAP + (number % columns) * (wide + _GAP)
        top = _GAP + (number // columns) * (high + _GAP)
        _draw_tile(sheet, tile, left, top, wide)
    return sheet


def _draw_tile(sheet: Image.Image, tile: Tile, left: int, top: int, wide: int) -> None:
    draw = ImageDraw.Draw(sheet)
    colour = ImageColor.getrgb(tile.colour)[:3]
    draw.rectangle((left, top, left + wide - 1, top + _BAND - 1), fill=colour)
    text = shorten(draw, tile.headline, wide - 12, 16)
    draw.text((left + 6, top + _BAND / 2), text, fill=ink_on(colour), font=font(16, text), anchor="lm")
    for number, picture in enumerate(tile.pictures):
        sheet.paste(picture.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), (left + number * _SIDE, top + _BAND))
    caption = shorten(draw, tile.caption, wide - 12, 13)
    draw.text((left + 6, top + _BAND + _SIDE + _BAND / 2), caption, fill="#424242", font=font(13, caption), anchor="lm")
