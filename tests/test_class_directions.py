"""The unknown score by where features point."""

from dataclasses import replace

import numpy as np
import pytest

from recyclenet.class_directions import ClassDirections, fit_directions
from recyclenet.encoded import encode
from recyclenet.errors import RecycleNetError
from recyclenet.selective import auroc
from recyclenet.unknown_fit import fit_unknown


def test_by_hand():
    score = ClassDirections(2, 2, encode(np.array([[1.0, 0.0], [0.6, 0.8]]), "<f2"))
    features = np.float32([[5, 0], [0, 3], [-2, 0], [0, 0]])
    assert score.raw(features) == pytest.approx([-1, -0.8, 0.6, 0], abs=1e-3)
    assert score.raw(100 * features) == pytest.approx(score.raw(features)), "length does not count"


def test_means_are_of_directions_and_not_of_lengths():
    features = np.float32([[1, 0], [0, 100], [3, 3], [0, -2]])
    score = fit_directions(features, np.array([0, 0, 1, 2]))
    halfway = np.float32([[1, 1]])  # between the first two, however long these are; and the third itself
    assert score.classes == 3
    assert score.raw(halfway) == pytest.approx([-1], abs=1e-3)
    assert score.raw(np.float32([[0, -9]])) == pytest.approx([-1], abs=1e-3)


@pytest.fixture
def world(rng):
    """Six directions among 30: the classes point along the first three of them."""
    directions = np.linalg.qr(rng.normal(size=(30, 30)))[0][:6]

    def draw(classes, count):
        targets = rng.choice(classes, count)
        lengths = rng.uniform(1, 20, (count, 1))
        features = lengths * (directions[targets] + rng.normal(0, 0.03, (count, 30)))
        logits = 4 * np.eye(3)[targets % 3] + rng.normal(0, 0.5, (count, 3))
        return (logits.astype(np.float32), features.astype(np.float32)), targets

    return draw


def test_strangers_point_elsewhere_however_sure_the_logits_are(world):
    train, targets = world([0, 1, 2], 300)
    val, _ = world([0, 1, 2], 200)
    made = fit_unknown(train[1], targets, val, kept=0.95)
    friends, strangers = world([0, 1, 2], 100)[0], world([3, 4, 5], 100)[0]
    assert auroc(made.scores(*strangers), made.scores(*friends)) > 0.99
    assert (made.scores(*val) <= 0.5).sum() == pytest.approx(190, abs=1)
    energy = -np.log(np.exp(val[0].astype(float)).sum(axis=1))
    pointing = made.weight * made.classes.raw(val[1])
    np.testing.assert_allclose(made.raw(*val), energy + pointing)
    assert energy.std() == pytest.approx(pointing.std(), rel=1e-5)  # neither outvotes the other


def test_a_class_that_is_learnt_later_is_no_stranger(world):
    (_, features), targets = world([0, 1, 2], 300)
    (_, more), new = world([3, 5], 50)
    score = fit_directions(features, targets)
    wider = score.with_classes(more, new)
    assert (score.classes, wider.classes) == (3, 5)
    assert score.raw(more).mean() > -0.3
    assert wider.raw(more).mean() < -0.95
    np.testing.assert_allclose(wider.raw(features), score.raw(features), atol=0.2)


def test_what_does_not_fit_is_refused(world):
    train, targets = world([0, 1, 2], 300)
    made = fit_unknown(train[1], targets, train)
    with pytest.raises(RecycleNetError, match="point everywhere"):
        fit_directions(np.float32([[1, 0], [-1, 0]]), np.array([0, 0]))
    with pytest.raises(RecycleNetError, match="directions must hold 6 finite numbers"):
        ClassDirections(3, 2, encode(np.zeros(5), "<f2"))
    with pytest.raises(RecycleNetError, match="classes are for 3 features, not for 30"):
        replace(made, classes=ClassDirections(3, 2, encode(np.eye(2, 3), "<f2")))
