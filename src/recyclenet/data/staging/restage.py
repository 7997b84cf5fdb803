"""A photo as it might look somewhere else: the item from its white board onto another surface."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recyclenet.data.staging.board import Item, find_item

Array = NDArray[np.float32]

_SOFT_EDGE = 12  # pixels over which a moved board's shadows fade out


def on_surface(photo: Image.Image, item: Item, surface: Array) -> Image.Image:
    """The item where it lies, its soft shadows kept, on a surface (H, W, 3) in [0, 1] of the photo's size."""
    pixels: Array = np.asarray(photo, dtype=np.float32) / np.float32(255)
    alpha, shade = _at_full_size(pixels, item)
    return _picture(alpha * pixels + (1 - alpha) * shade * surface)


def moved(photo: Image.Image, item: Item, surface: Array, rng: np.random.Generator) -> Image.Image:
    """The item smaller and somewhere else on the surface."""
    height, width, _ = surface.shape
    scale = rng.uniform(0.55, 0.95)
    size = max(int(scale * width), 1), max(int(scale * height), 1)
    pixels: Array = np.asarray(photo.resize(size, Image.Resampling.BILINEAR), dtype=np.float32) / np.float32(255)
    alpha, shade = _at_full_size(pixels, item)
    shade = 1 + (shade - 1) * _fade(*shade.shape[:2])[..., None]
    left, top = rng.integers(width - size[0] + 1), rng.integers(height - size[1] + 1)
    result = surface.copy()
    part = result[top : top + size[1], left : left + size[0]]
    part[:] = alpha * pixels + (1 - alpha) * shade * part
    return _picture(result)


def as_card(photo: Image.Image, surface: Array, rng: np.random.Generator) -> Image.Image:
    """The whole photo, smaller and turned, like a sheet: for items that cannot be told from the board."""
    height, width, _ = surface.shape
    scale, angle = rng.uniform(0.5, 0.9), rng.uniform(-20, 20)
    size = max(int(scale * width), 1), max(int(scale * height), 1)
    card = photo.resize(size, Image.Resampling.BILINEAR).rotate(angle, Image.Resampling.BILINEAR, expand=True)
    mask = Image.new("L", size, 255).rotate(angle, Image.Resampling.BILINEAR, expand=True)
    result = _picture(surface)
    left, top = (_anywhere(rng, whole - part) for whole, part in zip(result.size, card.size, strict=True))
    result.paste(card, (left, top), mask)
    return result


def restage(photo: Image.Image, surface: Array, rng: np.random.Generator) -> Image.Image:
    """The photo's item on the surface, half of the time moved; as a card where it cannot be told from its board.

    Cards matter: without them a coloured surface would come to mean "not paper", since white paper on the white
    board is what most often cannot be told apart.

    Args:
        photo: RGB.
        surface: (H, W, 3) float32 in [0, 1], of the photo's size.
        rng: where every choice comes from.
    """
    item = find_item(photo)
    if not item.is_clear:
        return as_card(photo, surface, rng)
    return moved(photo, item, surface, rng) if rng.random() < 0.5 else on_surface(photo, item, surface)


def _at_full_size(pixels: Array, item: Item) -> tuple[Array, Array]:
    """The item's alpha, and how much darker than the empty board each place is; both (H, W, 1)."""
    alpha = _resize(item.alpha, pixels)[..., None]
    board = np.stack([_resize(item.board[..., channel], pixels) for channel in range(3)], axis=2)
    shade = np.clip(pixels / np.maximum(board, 0.05), 0, 1.1).mean(axis=2, keepdims=True)
    return alpha, shade


def _resize(values: NDArray[np.float64], like: Array) -> Array:
    height, width = like.shape[:2]
    picture = Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.float32)


def _fade(height: int, width: int) -> Array:
    """(height, width), rising from the border to 1 inside."""
    rows, columns = (np.minimum(np.arange(side), np.arange(side)[::-1]) + 1 for side in (height, width))
    fade: Array = np.clip(np.minimum(rows[:, None], columns[None]) / _SOFT_EDGE, 0, 1).astype(np.float32)
    return fade


def _anywhere(rng: np.random.Generator, room: int) -> int:
    """A place in so much room; with less than none, some of the card lies outside."""
    return int(rng.integers(min(room, 0), max(room, 0) + 1))


def _picture(values: Array) -> Image.Image:
    return Image.fromarray(np.uint8(np.rint(np.clip(values, 0, 1) * 255)))
