import math

import numpy as np
import pytest
from sklearn import metrics as oracle

from recyclenet.metrics import (
    calibration_error_by_chance,
    confusion_matrix,
    expected_calibration_error,
    mean_nll,
    score,
    softmax,
    wilson_interval,
)

CLASSES = ("a", "b", "c", "d")


@pytest.fixture
def sample(rng):
    logits = rng.normal(size=(200, 4)).astype(np.float32) * 3
    targets = rng.integers(0, 4, 200)
    logits[np.arange(200), targets] += 2
    return logits, targets


def test_against_scikit_learn(sample):
    logits, targets = sample
    result = score(logits, targets, CLASSES)
    answers, probs = logits.argmax(axis=1), softmax(logits)
    assert result.correct / result.total == result.accuracy == oracle.accuracy_score(targets, answers)
    assert result.macro_f1 == pytest.approx(oracle.f1_score(targets, answers, average="macro"))
    assert result.nll == pytest.approx(oracle.log_loss(targets, probs))
    assert np.array_equal(result.confusion, oracle.confusion_matrix(targets, answers))
    precision, recall, f1, support = oracle.precision_recall_fscore_support(targets, answers)
    for i, item in enumerate(result.per_class):
        assert (item.precision, item.recall, item.f1) == pytest.approx((precision[i], recall[i], f1[i]))
        assert item.support == support[i]


def test_classes_without_photos_do_not_count_in_macro_f1():
    logits = np.eye(4)[[0, 0, 1]] * 5
    result = score(logits, np.array([0, 0, 1]), CLASSES)
    assert result.macro_f1 == 1.0
    assert [item.support for item in result.per_class] == [2, 1, 0, 0]


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    # 406 of 431 is the original's best model; the others from Wilson's formula by hand.
    [(406, 431, 0.916, 0.960), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634)],
)
def test_wilson_interval(correct, total, low, high):
    assert wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-4)


def test_no_photos_no_knowledge():
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_calibration_error_by_hand():
    # Two bins in use: at 0.9 three of four right (gap 0.15), at 0.6 one of two right (gap 0.1).
    probs = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 2)
    targets = np.array([0, 0, 0, 1, 0, 1])
    assert expected_calibration_error(probs, targets, bins=10) == pytest.approx(4 / 6 * 0.15 + 2 / 6 * 0.1)


def test_bin_edges_belong_below():
    # 0.6 is the upper edge of (0.5, 0.6]: with 0.55 in one bin the two errors cancel, in two they would not.
    probs = np.array([[0.55, 0.45], [0.6, 0.4]])
    assert expected_calibration_error(probs, np.array([0, 1]), bins=10) == pytest.approx(abs(0.45 - 0.6) / 2)


def test_calibration_error_that_chance_alone_gives():
    """Four answers of 0.75 in one bin: |hits - 3| / 4, with hits from the binomial distribution."""
    probs = np.tile([0.75, 0.25], (4, 1))
    share = [math.comb(4, hits) * 0.75**hits * 0.25 ** (4 - hits) for hits in range(5)]
    mean = sum(chance * abs(hits - 3) / 4 for hits, chance in enumerate(share))
    found, low, high = calibration_error_by_chance(probs, draws=20_000)
    assert found == pytest.approx(mean, abs=0.005)
    assert (low, high) == (0, 0.5)  # 3 of 4 right, 42 % of the time; 1 or none, 5 %
    assert calibration_error_by_chance(np.array([[1.0, 0.0]] * 3)) == (0, 0, 0)


def test_chance_gives_less_with_more_answers(rng):
    probs = rng.dirichlet((4, 1, 1), 4000)
    few, many = calibration_error_by_chance(probs[:100])[0], calibration_error_by_chance(probs)[0]
    assert few / many == pytest.approx(np.sqrt(40), rel=0.15)


def test_extreme_logits_stay_finite():
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]])
    assert mean_nll(logits, np.array([0, 1])) == 0
    assert mean_nll(logits, np.array([1, 0])) == pytest.approx(2e4)
    assert np.array_equal(softmax(logits), np.eye(2))


def test_confusion_rows_are_true_classes():
    assert confusion_matrix(np.array([1]), np.array([0]), 2).tolist() == [[0, 1], [0, 0]]


def test_mismatch_is_refused(sample):
    logits, targets = sample
    with pytest.raises(ValueError, match="do not match"):
        score(logits, targets[:-1], CLASSES)
