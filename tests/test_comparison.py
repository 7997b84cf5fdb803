import numpy as np
import pytest
from scipy.stats import binomtest

from recyclenet.comparison import compare_paired, exact_mcnemar, summarize_seeds
from recyclenet.metrics import wilson_interval


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (1, 0), (0, 5), (5, 5), (12, 3), (40, 61), (300, 301)])
def test_mcnemar_is_the_binomial_test(better, worse):
    wanted = binomtest(better, better + worse, 0.5).pvalue if better + worse else 1.0
    assert exact_mcnemar(better, worse) == pytest.approx(wanted, rel=1e-9)


def test_mcnemar_by_hand():
    # 10 discordant photos, 2 the other way: 2 · (1 + 10 + 45) / 1024
    assert exact_mcnemar(8, 2) == pytest.approx(2 * 56 / 1024)


def test_one_seed_is_mcnemars_own_test():
    hits = np.array([[1, 1, 1, 0, 0, 1]], bool)
    baseline = np.array([[0, 0, 1, 1, 0, 0]], bool)
    found = compare_paired(hits, baseline)
    assert (found.better, found.worse) == (3, 1)
    assert found.p_value == pytest.approx(2 * (1 + 4) / 16)


def test_photos_are_the_units_however_many_seeds():
    hits, baseline = np.array([[1, 0, 1]], bool), np.array([[0, 1, 0]], bool)
    once = compare_paired(hits, baseline)
    ten_times = compare_paired(np.repeat(hits, 10, axis=0), np.repeat(baseline, 10, axis=0))
    assert once == ten_times


def test_seeds_that_cancel_out_count_for_neither():
    found = compare_paired(np.array([[1], [0]], bool), np.array([[0], [1]], bool))
    assert (found.better, found.worse, found.p_value) == (0, 0, 1.0)


def test_shapes_must_match():
    with pytest.raises(ValueError, match="same shape"):
        compare_paired(np.ones((2, 3), bool), np.ones((1, 3), bool))


def test_seeds_in_one_line():
    found = summarize_seeds([400, 404, 411], 431)
    assert found.mean == pytest.approx(405)
    assert found.deviation == pytest.approx(((25 + 1 + 36) / 2) ** 0.5)
    assert found.interval == wilson_interval(405, 431)
    assert summarize_seeds([400], 431).deviation is None
    with pytest.raises(ValueError, match="no seeds"):
        summarize_seeds([], 431)
