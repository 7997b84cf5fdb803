"""Where the item is on a photo of TrashNet's kind: a bright, smooth, colourless board with something on it."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

Array = NDArray[np.float64]

_WIDTH, _HEIGHT = 128, 96  # what follows costs milliseconds at this size, and edges are soft anyway
_FITS = 6


@dataclass(frozen=True)
class Item:
    """What lies on the board, as far as it can be told.

    Attributes:
        alpha: (h, w) float64 in [0, 1], 1 where the item is; the whole photo at 96 × 128, or at 128 × 96 where it
            is higher than wide.
        board: (h, w, 3) float64 in (0, 1], the empty board as it would look in the photo's light.
        is_clear: whether item and board were told apart: a compact shape on a board without colour. White paper
            on the white board, or cardboard that fills the photo, is not.
    """

    alpha: Array
    board: Array
    is_clear: bool


def find_item(photo: Image.Image) -> Item:
    """Separates item and board of an RGB photo of any size.

    The board's colour is a quadratic in x and y in the logarithm (light falls off smoothly), fitted again and
    again to the pixels that agree with it. An item differs by colour, by being brighter, by texture, or by being
    darker than the soft shadows that the board shows.
    """
    size = (_WIDTH, _HEIGHT) if photo.width >= photo.height else (_HEIGHT, _WIDTH)
    pixels = np.asarray(photo.resize(size, Image.Resampling.BOX), dtype=np.float64) / 255
    log_pixels = np.log(np.clip(pixels, 0.02, 1))
    log_board = _fit_board(pixels, log_pixels)
    mask = _close_shape(_difference(log_pixels, log_pixels - log_board) > 1)
    board = np.exp(np.minimum(log_board, 0))
    alpha = np.clip(_follow_edges(pixels.mean(axis=2), mask.astype(np.float64)), 0, 1)
    # What is left of the board beside the item would shine on a dark surface: the soft edge begins further in.
    return Item(np.clip((alpha - 0.35) / 0.5, 0, 1), board, _is_clear(mask, board))


def _fit_board(pixels: Array, log_pixels: Array) -> Array:
    """The board (h, w, 3), in the logarithm, by iteratively reweighted least squares."""
    height, width, _ = pixels.shape
    terms = _quadratic(height, width)
    values = log_pixels.reshape(-1, 3)
    brightness = pixels.mean(axis=2)
    saturation = (pixels.max(axis=2) - pixels.min(axis=2)) / np.maximum(pixels.max(axis=2), 0.05)
    bright = np.quantile(brightness, 0.75)
    # It starts with bright pixels without colour, those near the edges counting twice: there the board is likeliest.
    start = (brightness > 0.8 * bright) & (saturation < 0.35)
    weights = (start * np.where(_near_edge(height, width), 2.0, 1.0)).reshape(-1)
    may_be_board = (brightness > 0.55 * bright).reshape(-1)
    steady = np.diag([0, 1, 1, 1, 1, 1]) * 1e-5 * len(terms)
    fitted = np.broadcast_to(values.mean(axis=0), values.shape)
    for _ in range(_FITS):
        if weights.sum() < 50:  # nothing that looks like a board
            break
        weighted = terms * weights[:, None]
        fitted = terms @ np.linalg.solve(weighted.T @ terms + steady, weighted.T @ values)
        distance = np.linalg.norm(values - fitted, axis=1)
        trusted = distance[weights > 0.2]
        spread = max(float(np.median(trusted)) if len(trusted) else 0.1, 0.02)
        weights = may_be_board / (1 + (distance / (2 * spread)) ** 4)
    return fitted.reshape(height, width, 3)


@cache
def _quadratic(height: int, width: int) -> Array:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=2).reshape(-1, 6)


@cache
def _near_edge(height: int, width: int) -> NDArray[np.bool_]:
    inner = np.zeros((height, width), dtype=bool)
    margin = round(0.15 * height)
    inner[margin:-margin, margin:-margin] = True
    return ~inner


def _difference(log_pixels: Array, residual: Array) -> Array:
    """How much each place differs from the board; above 1 it is taken for item."""
    lighter = residual.mean(axis=2)
    colour = np.abs(residual - lighter[..., None]).max(axis=2)
    texture = np.hypot(*np.gradient(log_pixels.mean(axis=2)))
    signs = np.stack([colour / 0.06, (-lighter - 0.12) / 0.15, (lighter - 0.05) / 0.06, texture / 0.06])
    strongest: Array = signs.max(axis=0)
    return strongest


def _close_shape(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Gaps closed, specks and holes gone, small parts beside a large one left out."""
    reach = 4
    closed = ndimage.binary_closing(np.pad(found, 2 * reach, mode="edge"), iterations=reach)
    shape = ndimage.binary_opening(closed[2 * reach : -2 * reach, 2 * reach : -2 * reach] | found)
    labels, count = ndimage.label(ndimage.binary_fill_holes(shape))
    if count == 0:
        return np.zeros_like(found)
    sizes = np.bincount(labels.ravel())[1:]
    kept: NDArray[np.bool_] = np.isin(labels, 1 + np.flatnonzero(sizes >= 0.15 * sizes.max()))
    return kept


def _follow_edges(guide: Array, mask: Array, radius: int = 3, smoothness: float = 1e-3) -> Array:
    """The mask with its edge laid along the photo's edges.

    Source: guided filter, https://doi.org/10.1109/TPAMI.2012.213
    """

    def mean(values: Array) -> Array:
        smoothed: Array = ndimage.uniform_filter(values, 2 * radius + 1, mode="nearest")
        return smoothed

    mean_guide, mean_mask = mean(guide), mean(mask)
    slope = (mean(guide * mask) - mean_guide * mean_mask) / (mean(guide * guide) - mean_guide**2 + smoothness)
    followed: Array = mean(slope) * guide + mean(mean_mask - slope * mean_guide)
    return followed


def _is_clear(mask: NDArray[np.bool_], board: Array) -> bool:
    share = mask.mean()
    if not 0.03 < share < 0.8:
        return False
    middle = board[board.shape[0] // 2, board.shape[1] // 2]
    if (middle.max() - middle.min()) / max(middle.max(), 0.05) >= 0.3:  # cardboard taken for a board
        return False
    try:
        hull = ConvexHull(np.argwhere(mask)).volume  # in two dimensions, the area
    except QhullError:  # all on one line
        return False
    return bool(mask.sum() / max(hull, 1.0) > 0.8)
