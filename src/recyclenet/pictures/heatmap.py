"""Where the model saw what it answered: class evidence laid over the view."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from recyclenet.predictor import Prediction

# Dark violet over red to light yellow: brightness rises all the way, so that it reads in grey too.
_STOPS = np.array([[13, 8, 60], [106, 23, 110], [188, 55, 84], [240, 120, 30], [252, 255, 164]], dtype=np.float32)


def heatmap(prediction: "Prediction") -> Image.Image:
    """The view of a prediction with the evidence for its answer, as RGB of the view's size."""
    index = list(prediction.probs).index(prediction.label)
    return overlay(prediction.view, heat(prediction.evidence, index))


def heat(evidence: NDArray[np.float32], index: int) -> NDArray[np.float32]:
    """One class's evidence by place, relative to the other classes, as (h, w) in [0, 1].

    The answer does not change when all maps rise together, so what counts at a place is how far the class
    stands above the mean of all. Places that speak against the class are 0, the strongest for it is 1; a
    map without any place for it is 0 everywhere.

    Args:
        evidence: (K, h, w) as in `Prediction.evidence`.
        index: the class.
    """
    relative = np.maximum(evidence[index] - evidence.mean(axis=0), 0.0)
    peak = relative.max()
    return np.asarray(relative / peak if peak > 0 else relative, dtype=np.float32)


def overlay(view: Image.Image, values: NDArray[np.float32], *, strength: float = 0.6) -> Image.Image:
    """A heat map (h, w) in [0, 1] over an RGB picture of any size; the hotter, the less of the picture shows.

    The picture turns grey, so that no colour of its own can be taken for heat.
    """
    field = Image.fromarray(np.asarray(values, dtype=np.float32)).resize(view.size, Image.Resampling.BICUBIC)
    smooth = np.clip(np.asarray(field), 0.0, 1.0)
    weight = (strength * smooth)[..., None]
    grey = np.asarray(view.convert("L"), dtype=np.float32)[..., None]
    mixed = grey * (1 - weight) + _colours(smooth) * weight
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def mosaic(values: NDArray[np.float32], size: tuple[int, int]) -> Image.Image:
    """A map (h, w) in [0, 1] as its cells in colour, nothing smoothed, as RGB of `size`; the colours of `overlay`."""
    colours = np.rint(_colours(np.clip(values, 0.0, 1.0))).astype(np.uint8)
    return Image.fromarray(colours).resize(size, Image.Resampling.NEAREST)


def stretch(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map of any range onto [0, 1]: its least value becomes 0, its greatest 1; an even map is 0 everywhere."""
    low, high = values.min(), values.max()
    return np.asarray((values - low) / (high - low) if high > low else np.zeros_like(values), dtype=np.float32)


def _colours(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values in [0, 1] of any shape as RGB in [0, 255], one axis more."""
    position = values * (len(_STOPS) - 1)
    low = np.minimum(position.astype(int), len(_STOPS) - 2)
    share = (position - low)[..., None]
    return np.asarray(_STOPS[low] * (1 - share) + _STOPS[low + 1] * share, dtype=np.float32)
