import numpy as np
import pytest

from recyclenet.encoded import encode
from recyclenet.errors import RecycleNetError
from recyclenet.selective import auroc
from recyclenet.unknown import UnknownScore
from recyclenet.unknown_fit import fit_unknown


def test_the_raw_value_by_hand():
    score = UnknownScore(3, 1, encode(np.array([1, 1, 1]), "<f4"), encode(np.eye(1, 3), "<f2"), 2.0, 7.0, 2.0, 0.99)
    # Less the mean (5, 3, 4); less the first direction (0, 3, 4): length 5. Two logits of 0 have the energy log 2.
    logits, features = np.zeros((1, 2), np.float32), np.float32([[6, 4, 5]])
    assert score.raw(logits, features) == pytest.approx([2 * 5 - np.log(2)])
    assert score.scores(logits, features) == pytest.approx([1 / (1 + np.exp(-(10 - np.log(2) - 7) / 2))])
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
        return (4 * np.eye(3)[targets]).astype(np.float32), features.astype(np.float32)

    return draw


def test_against_the_formula(known):
    """The principal plane from numpy's SVD, alpha and the line as the paper and the docstrings have them."""
    train, val = known(300), known(200)
    made = fit_unknown(train, val, dimensions=2, kept=0.9)
    mean = train[1].mean(axis=0)
    plane = np.linalg.svd(train[1] - mean)[2][:2]

    def length(features):
        centred = features - mean
        return np.linalg.norm(centred - centred @ plane.T @ plane, axis=1)

    alpha = train[0].max(axis=1).mean() / length(train[1]).mean()
    assert made.alpha == pytest.approx(alpha, rel=1e-3)
    wanted = alpha * length(val[1]) - np.log(np.exp(val[0]).sum(axis=1))
    np.testing.assert_allclose(made.raw(*val), wanted, atol=2e-2)
    assert (made.scores(*val) <= 0.5).sum() == pytest.approx(180, abs=1)
    assert made.middle == pytest.approx(np.sort(wanted)[179], abs=2e-2)


def test_strangers_stand_out(known, rng):
    made = fit_unknown(known(300), known(200))
    logits, features = known(100)
    strange = features + np.float32(2) * rng.normal(size=20).astype(np.float32)
    assert auroc(made.scores(logits, strange), made.scores(logits, features)) > 0.99


def test_what_cannot_be_fitted_is_said(known):
    train, val = known(50), known(20)
    with pytest.raises(RecycleNetError, match="at least 3 photos"):
        fit_unknown((train[0][:2], train[1][:2]), val)
    with pytest.raises(RecycleNetError, match="no room for strangers"):
        fit_unknown((train[0], np.ones_like(train[1])), val)
