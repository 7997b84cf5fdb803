import numpy as np
import pytest
from sklearn import metrics as oracle

from recyclenet.selective import auroc, coverage_at_precision, false_positive_rate, risk_coverage


def test_risk_and_coverage_by_hand():
    confidence = np.array([0.6, 0.9, 0.8, 0.7])
    hits = np.array([False, True, True, False])
    curve = risk_coverage(confidence, hits)
    assert curve.answered.tolist() == [1, 2, 3, 4]
    assert curve.wrong.tolist() == [0, 0, 1, 2]
    assert curve.area == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)


def test_equal_confidence_is_one_point():
    """A threshold cannot tell them apart, so neither may the curve."""
    curve = risk_coverage(np.array([0.9, 0.5, 0.5]), np.array([True, True, False]))
    assert (curve.answered.tolist(), curve.wrong.tolist()) == ([1, 3], [0, 1])
    assert curve.area == pytest.approx((1 * 0 + 2 * 1 / 3) / 3)


def test_coverage_at_a_precision_by_hand():
    confidence = np.linspace(1, 0.01, 100)
    hits = np.ones(100, bool)
    hits[[59, 98]] = False  # the 60th and the 99th
    found = coverage_at_precision(confidence, hits, 0.98)
    assert (found.answered, found.correct, found.total) == (100, 98, 100)
    found = coverage_at_precision(confidence, hits, 0.99)  # 98 answers with one wrong: 98.98 %; 59 without
    assert (found.answered, found.correct) == (59, 59)
    assert found.threshold == confidence[58]
    none = coverage_at_precision(confidence, ~hits, 0.99)
    assert (none.answered, none.threshold) == (0, float("inf"))


def test_against_scikit_learn(rng):
    # Rounded, so that many are equal.
    strangers, friends = rng.normal(1, 1, 300).round(1), rng.normal(0, 1, 500).round(1)
    truth = np.r_[np.ones(300), np.zeros(500)]
    assert auroc(strangers, friends) == pytest.approx(oracle.roc_auc_score(truth, np.r_[strangers, friends]))
    # The friends as what is to be kept: the first threshold that keeps 95 % of them.
    false, true, _ = oracle.roc_curve(1 - truth, -np.r_[strangers, friends], drop_intermediate=False)
    assert false_positive_rate(strangers, friends) == pytest.approx(false[np.argmax(true >= 0.95)])


def test_nothing_to_compare():
    some, none = np.ones(3), np.ones(0)
    for call in (auroc, false_positive_rate):
        for pair in ((some, none), (none, some)):
            with pytest.raises(ValueError, match="both kinds"):
                call(*pair)
    with pytest.raises(ValueError, match="same length"):
        risk_coverage(none, none.astype(bool))
