"""Sets that hold the true class: by hand, and by drawing from a world whose probabilities are known."""

import numpy as np
import pytest

from recyclenet.conformal import METHODS, choose_method, fit_threshold, nonconformity, prediction_sets
from recyclenet.errors import RecycleNetError


def test_scores_by_hand():
    probs = np.array([[0.5, 0.2, 0.3]])
    assert nonconformity(probs, "lac") == pytest.approx(np.array([[0.5, 0.8, 0.7]]))
    assert nonconformity(probs, "aps") == pytest.approx(np.array([[0.5, 1.0, 0.8]]))


def test_threshold_and_sets_by_hand():
    # True classes at 0.9, 0.8, 0.7, 0.4: lac scores 0.1, 0.2, 0.3, 0.6. Of n = 4 at 60 %: the ceil(5 · 0.6) = 3rd.
    true = np.array([0.9, 0.8, 0.7, 0.4])
    probs = np.stack([true, 1 - true], axis=1)
    targets = np.zeros(4, int)
    assert fit_threshold(probs, targets, 0.6, "lac") == pytest.approx(0.3)
    assert fit_threshold(probs, targets, 0.8, "lac") == pytest.approx(0.6)  # the ceil(5 · 0.8) = 4th
    with pytest.raises(RecycleNetError, match="at least 9 photos to be fitted on, not 4"):
        fit_threshold(probs, targets, 0.9, "lac")
    new = np.array([[0.75, 0.25], [0.55, 0.45], [0.5, 0.5]])
    assert prediction_sets(new, 0.3, "lac").tolist() == [[True, False], [True, False], [True, False]]
    assert prediction_sets(new, 0.6, "lac").tolist() == [[True, False], [True, True], [True, True]]


def test_nineteen_photos_are_just_enough_for_95_percent():
    probs = np.tile([0.75, 0.25], (19, 1))
    assert fit_threshold(probs, np.zeros(19, int), 0.95, "lac") == pytest.approx(0.25)
    with pytest.raises(RecycleNetError, match="at least 19 photos"):
        fit_threshold(probs[:18], np.zeros(18, int), 0.95, "lac")


def world(rng, count, told=1.0):
    """Probabilities and classes drawn from them; what is told of them is sharper or flatter than the truth."""
    logits = rng.normal(size=(count, 5)) * 2
    truth = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (rng.random((count, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    claimed = np.exp(logits * told)
    return claimed / claimed.sum(axis=1, keepdims=True), targets


@pytest.mark.parametrize("told", [1.0, 3.0])
@pytest.mark.parametrize("method", METHODS)
def test_coverage_holds_whatever_the_model(rng, method, told):
    """Over many draws of n = 99 at 90 %, coverage is 90 % on average (between 0.9 and 0.9 + 1/100, sets kept full)."""
    shares = []
    for _ in range(300):
        threshold = fit_threshold(*world(rng, 99, told), 0.9, method)
        probs, targets = world(rng, 500, told)
        shares.append(nonconformity(probs, method)[np.arange(500), targets] <= threshold)
        sets = prediction_sets(probs, threshold, method)
        assert (sets.sum(axis=1) >= 1).all()
        assert (sets[np.arange(500), targets] >= shares[-1]).all()
    assert 0.893 <= np.mean(shares) <= 0.913


def test_the_smaller_sets_are_chosen(rng):
    probs, targets = world(rng, 2000)
    fitted, measured = slice(0, None, 2), slice(1, None, 2)
    sizes = {}
    for method in METHODS:
        sizes[method] = np.mean(
            [
                prediction_sets(probs[two], fit_threshold(probs[one], targets[one], 0.9, method), method)
                .sum(axis=1)
                .mean()
                for one, two in ((fitted, measured), (measured, fitted))
            ]
        )
    assert choose_method(probs, targets, 0.9) == min(sizes, key=sizes.get) == "lac"
    assert choose_method(probs[:10], targets[:10], 0.9) == "lac"  # too few to choose on
