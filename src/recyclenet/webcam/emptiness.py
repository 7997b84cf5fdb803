"""Whether a view has nothing to answer for: an even surface, something strange, or what the model calls empty."""

import numpy as np
from PIL import Image

from recyclenet.predictor import Prediction

EMPTY_CLASS = "empty"
"""A model may have learned the empty view as a class of this name (`recyclenet adapt` with a folder `empty`)."""

PLAIN_BELOW = 1.2
"""Less `detail` is an even surface: TrashNet's plainest of 2,527 photos has 1.89 in
the middle 224 of 256 px, noise of 3 grey levels alone 0.4."""

_CELLS = 28  # a side: cells small enough for an item, and large enough that a camera's noise averages out


def emptiness(prediction: Prediction) -> float:
    """In [0, 1]; above 0.5 there is nothing to answer for.

    1 for an even surface (a wall, a bare board, a covered lens), for which models were never asked; else the unknown
    score, or the probability of the class `empty`, whichever is higher. Where the model has neither, 0.
    """
    if detail(prediction.view) < PLAIN_BELOW:
        return 1.0
    return max(prediction.unknown or 0.0, prediction.probs.get(EMPTY_CLASS, 0.0))


def detail(view: Image.Image) -> float:
    """How much there is to see in an RGB picture, in grey levels of 0 to 255.

    The standard deviation of the mean lightness of 28×28 cells, less the best quadratic surface through them: light
    that falls off across the picture, or towards a lens's corners, is no detail, and neither is noise.
    """
    cells = view.convert("L").resize((_CELLS, _CELLS), Image.Resampling.BOX)
    values = np.asarray(cells, dtype=np.float64).ravel()
    return float((values - _QUADRATIC @ (_QUADRATIC.T @ values)).std())


def _quadratic() -> np.ndarray:
    """An orthonormal basis (cells, 6) of 1, x, y, x², xy, y² over the cells."""
    y, x = (axis.ravel() for axis in np.mgrid[-1 : 1 : _CELLS * 1j, -1 : 1 : _CELLS * 1j])
    return np.linalg.qr(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1))[0]


_QUADRATIC = _quadratic()
