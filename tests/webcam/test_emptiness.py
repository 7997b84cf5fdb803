import numpy as np
import pytest
from PIL import Image

from recyclenet.predictor import Prediction
from recyclenet.preprocess import PreprocessSpec
from recyclenet.webcam.emptiness import PLAIN_BELOW, detail, emptiness

Y, X = np.mgrid[-1:1:224j, -1:1:224j]


def picture(grey):
    return Image.fromarray(np.repeat(np.clip(grey, 0, 255)[..., None], 3, axis=2).astype(np.uint8))


def prediction(view, unknown=None, probs=None):
    probs = probs or {"can": 1.0}
    return Prediction("can", 1.0, probs, 0.0, view, np.zeros((1, 7, 7), np.float32), unknown=unknown)


def test_a_half_black_half_white_view_by_hand():
    """Odd in x, even in y: the best quadratic is a·x, and for x over [-1, 1] of sign(x) that leaves 1 - 3/4."""
    view = picture(np.where(X < 0, 27.5, 227.5))
    assert detail(view) == pytest.approx(100 * np.sqrt(1 - 3 / 4), rel=0.01)


@pytest.mark.parametrize("noise", [0, 3, 6])
@pytest.mark.parametrize(
    "light",
    [np.full_like(X, 0), np.full_like(X, 128), np.full_like(X, 255), 150 + 80 * X, 200 - 30 * X**2 - 50 * Y**2],
    ids=["black", "grey", "white", "from the side", "dark corners"],
)
def test_even_surfaces_are_empty(rng, light, noise):
    view = picture(light + rng.normal(0, noise, light.shape))
    assert detail(view) < 0.75 * PLAIN_BELOW
    assert emptiness(prediction(view)) == 1


def test_photos_of_items_are_not(trashnet):
    preprocess = PreprocessSpec()
    # cardboard110 is the plainest of all 2,527 in this view.
    names = [f"cardboard/cardboard{n}" for n in (1, 83, 110)] + [f"plastic/plastic{n}" for n in (1, 13, 147)]
    details = [detail(preprocess.view(Image.open(trashnet / f"dataset-resized/{name}.jpg"))) for name in names]
    assert min(details) == details[2] == pytest.approx(1.89, abs=0.01)
    assert details[2] > 1.5 * PLAIN_BELOW


def test_the_model_may_know_better():
    view = picture(128 + 100 * np.sign(X * Y))
    assert emptiness(prediction(view)) == 0
    assert emptiness(prediction(view, unknown=0.7)) == 0.7
    assert emptiness(prediction(view, unknown=0.2, probs={"can": 0.1, "empty": 0.9})) == 0.9
