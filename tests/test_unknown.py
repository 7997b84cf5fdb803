import numpy as np
import pytest

from recyclenet.class_directions import ClassDirections
from recyclenet.encoded import encode
from recyclenet.errors import RecycleNetError
from recyclenet.selective import auroc
from recyclenet.unknown import UnknownScore
from recyclenet.unknown_fit import fit_unknown


def test_the_raw_value_by_hand():
    pointing = ClassDirections(2, 1, encode(np.array([[0.0, 1.0]]), "<f2"))
    mean, plane = encode(np.zeros(2), "<f4"), encode(np.eye(1, 2), "<f2")
    score = UnknownScore(2, 1, mean, plane, pointing, 10.0, -7.0, 2.0, 0.99)
    # The cosine of (3, 4) with the second axis is 0.8. Two logits of 0 have the energy -log 2.
    logits, features = np.zeros((1, 2), np.float32), np.float32([[3, 4]])
    assert score.raw(logits, features) == pytest.approx([-8 - np.log(2)])
    assert score.scores(logits, features) == pytest.approx([1 / (1 + np.exp(-(-8 - np.log(2) + 7) / 2))])
    assert score.scores(logits + 1000, features)[0] == pytest.approx(0)
    assert score.scores(logits - 1e30, features)[0] == pytest.approx(1)


@pytest.fixture
def known(rng):
    """Three classes in a plane of two dimensions among 20, with a little noise in all."""

    def draw(count):
        targets = rng.integers(0, 3, count)
        features = np.zeros((count, 20))
        features[:, :2] = 5 * np.array([[0, 1], [1, 0], [-1, -1]])[targets]
        features += rng.normal(0, 0.5, features.shape)
        return ((4 * np.eye(3)[targets]).astype(np.float32), features.astype(np.float32)), targets

    return draw


def test_mean_plane_and_line_against_numpy(known):
    (_, features), targets = known(300)
    val, _ = known(200)
    made = fit_unknown(features, targets, val, dimensions=2, kept=0.9)
    np.testing.assert_allclose(made.centre, features.mean(axis=0), rtol=1e-5, atol=1e-6)
    plane = np.linalg.svd(features - features.mean(axis=0))[2][:2]
    np.testing.assert_allclose(made.directions.T @ made.directions, plane.T @ plane, atol=2e-3)
    assert (made.scores(*val) <= 0.5).sum() == pytest.approx(180, abs=1)
    assert made.middle == pytest.approx(np.sort(made.raw(*val))[179])


def test_strangers_stand_out(known, rng):
    (_, features), targets = known(300)
    made = fit_unknown(features, targets, known(200)[0])
    logits, friends = known(100)[0]
    strange = friends + np.float32(4) * rng.normal(size=20).astype(np.float32)
    assert auroc(made.scores(logits, strange), made.scores(logits, friends)) > 0.99


def test_what_cannot_be_fitted_is_said(known):
    (_, features), targets = known(300)
    val, _ = known(20)
    with pytest.raises(RecycleNetError, match="at least 3 photos in train and 1 in val"):
        fit_unknown(features[:2], targets[:2], val)
    with pytest.raises(RecycleNetError, match="the same features for every photo"):
        fit_unknown(np.ones_like(features), targets, val)
