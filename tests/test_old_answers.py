"""The unknown score by the pretrained network's own answers."""

from dataclasses import replace

import numpy as np
import pytest

from recyclenet.encoded import decode, encode
from recyclenet.errors import RecycleNetError
from recyclenet.old_answers import OldAnswers
from recyclenet.selective import auroc
from recyclenet.unknown_fit import fit_old_answers, fit_unknown


def test_by_hand():
    """Two features, three old classes, rank 1: logits (2f, 0, -2f) + bias, at temperature 2."""
    answers = OldAnswers(
        features=2,
        rank=1,
        answers=3,
        down=encode(np.array([[1.0, 0.0]]), "<f2"),
        up=encode(np.array([[2.0], [0.0], [-2.0]]), "<f2"),
        bias=encode(np.array([0.0, 2.0, 0.0]), "<f4"),
        usual=encode(np.array([0.5, 0.25, 0.25]), "<f4"),
        temperature=2.0,
    )
    weights = np.exp([3.0, 1.0, -3.0])
    probs = weights / weights.sum()
    features = np.float32([[3.0, 100.0]])
    assert answers.probs(features) == pytest.approx(probs[None])
    assert answers.raw(features) == pytest.approx([-np.log(probs @ [0.5, 0.25, 0.25])])


@pytest.fixture
def world(rng):
    """Ten old classes along ten directions among 40; the known photos are of the first three of them."""
    directions = np.linalg.qr(rng.normal(size=(40, 40)))[0][:10]

    def draw(classes, count):
        chosen = rng.choice(classes, count)
        features = 6 * directions[chosen] + rng.normal(0, 0.3, (count, 40))
        logits = 4 * np.eye(3)[chosen % 3] + rng.normal(0, 0.1, (count, 3))
        return logits.astype(np.float32), features.astype(np.float32)

    return draw, (2 * directions.astype(np.float32), np.zeros(10, np.float32))


def test_full_rank_is_the_head_itself(world):
    draw, (weight, bias) = world
    _, features = draw([0, 1, 2], 100)
    made = fit_old_answers(features, (weight, bias), rank=10)
    logits = (features @ weight.T + bias) / made.temperature
    wanted = np.exp(logits - logits.max(axis=1, keepdims=True))
    wanted /= wanted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(made.probs(features), wanted, atol=5e-3)
    np.testing.assert_allclose(decode(made.usual, "<f4", 10, "usual"), wanted.mean(axis=0), atol=5e-3)


def test_old_classes_that_training_does_not_show_are_strange(world):
    draw, head = world
    train, val = draw([0, 1, 2], 300), draw([0, 1, 2], 200)
    made = fit_unknown(train, val, head, dimensions=3, kept=0.95)
    friends, strangers = draw([0, 1, 2], 100), draw([4, 7, 9], 100)
    assert auroc(made.scores(*strangers), made.scores(*friends)) > 0.99
    assert (made.scores(*val) <= 0.5).sum() == pytest.approx(190, abs=1)
    own = fit_unknown(train, val, dimensions=3)
    assert (own.answers, own.answers_weight) == (None, 0)
    parts = [own.raw(*val), made.answers_weight * made.answers.raw(val[1])]
    np.testing.assert_allclose(made.raw(*val), parts[0] + parts[1])
    assert parts[0].std() == pytest.approx(parts[1].std())  # neither outvotes the other


def test_what_does_not_fit_is_refused(world):
    draw, (weight, bias) = world
    train, val = draw([0, 1, 2], 50), draw([0, 1, 2], 50)
    with pytest.raises(RecycleNetError, match="takes 39 features, but the model gives 40"):
        fit_unknown(train, val, (weight[:, :39], bias))
    made = fit_unknown(train, val, (weight, bias), dimensions=3)
    with pytest.raises(RecycleNetError, match="bias must hold 10 finite numbers"):
        replace(made.answers, bias=encode(np.zeros(9), "<f4"))
    with pytest.raises(RecycleNetError, match="up must be numbers in base64"):
        replace(made.answers, up="#")
    with pytest.raises(RecycleNetError, match="rank"):
        replace(made.answers, rank=41)
    other = fit_old_answers(train[1][:, :30], (weight[:, :30], bias))
    with pytest.raises(RecycleNetError, match="answers are for 30 features, not for 40"):
        replace(made, answers=other)
    with pytest.raises(RecycleNetError, match="answers and answers_weight go together"):
        replace(made, answers_weight=0.0)
    with pytest.raises(RecycleNetError, match="answers and answers_weight go together"):
        replace(made, answers=None)
