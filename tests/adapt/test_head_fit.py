"""The fitted head against scikit-learn, and against scipy where it starts from another head."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from recyclenet.adapt.head_fit import HeadFit, Rows
from recyclenet.adapt.onnx_head import Head
from recyclenet.metrics import softmax

K, C, N = 3, 5, 40


@pytest.fixture
def rows(rng):
    targets = rng.integers(0, K, N)
    features = rng.normal(size=(N, C)) + np.eye(K, C)[targets] + 4  # far from 0, as pooled features are
    weights = rng.uniform(0.5, 2, N)
    return Rows(
        features.astype(np.float32),
        np.eye(K, dtype=np.float32)[targets],
        (weights / weights.sum()).astype(np.float32),
        np.full(N, K),
    )


def scaled(rows):
    """The inputs that the pull is defined for, computed another way."""
    mean = np.average(rows.features, axis=0, weights=rows.weights)
    centred = rows.features - mean
    length = np.sqrt(np.average((centred**2).sum(axis=1), weights=rows.weights))
    return np.hstack([centred / length, np.full((len(centred), 1), 0.5)])


@pytest.mark.parametrize("pull", [0.1, 0.003])
def test_from_zero_it_is_logistic_regression(rows, pull):
    zero = Head(np.zeros((K, C), np.float32), np.zeros(K, np.float32))
    found = HeadFit(rows, zero).fit(pull)
    oracle = LogisticRegression(C=1 / pull, fit_intercept=False, tol=1e-8, max_iter=10_000)
    oracle.fit(scaled(rows), rows.targets.argmax(axis=1), sample_weight=rows.weights)
    np.testing.assert_allclose(
        softmax(found.logits(rows.features)), oracle.predict_proba(scaled(rows)), atol=3e-3 if pull < 0.01 else 1e-3
    )


@pytest.mark.parametrize("pull", [0.1, 0.01])
def test_from_another_head_with_soft_targets_it_is_the_minimum(rows, rng, pull):
    start = Head(rng.normal(size=(K, C)).astype(np.float32), rng.normal(size=K).astype(np.float32))
    soft = Rows(rows.features, rng.dirichlet(np.ones(K), N).astype(np.float32), rows.weights, rows.among)
    check_minimum(soft, start, pull)


def test_some_rows_speak_of_the_first_classes_alone(rows, rng):
    start = Head(rng.normal(size=(K, C)).astype(np.float32), rng.normal(size=K).astype(np.float32))
    among = np.where(np.arange(N) % 2, K, K - 1)
    soft = rng.dirichlet(np.ones(K), N) * (np.arange(K) < among[:, None])
    soft = (soft / soft.sum(axis=1, keepdims=True)).astype(np.float32)
    check_minimum(Rows(rows.features, soft, rows.weights, among), start, 0.01)


def check_minimum(soft, start, pull):
    inputs = scaled(soft)
    before = soft.features.astype(float) @ start.weight.T + start.bias

    def loss(change):
        logits = before + inputs @ change.reshape(C + 1, K)
        chances = np.ones((N, K))
        for row, count in enumerate(soft.among):
            chances[row, :count] = softmax(logits[row : row + 1, :count])
        return -(soft.weights[:, None] * soft.targets * np.log(chances)).sum() + pull / 2 * (change**2).sum()

    best = minimize(loss, np.zeros((C + 1) * K), method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-9})
    wanted = before + inputs @ best.x.reshape(C + 1, K)
    found = HeadFit(soft, start).fit(pull).logits(soft.features)
    np.testing.assert_allclose(softmax(found), softmax(wanted), atol=2e-3)


def test_a_path_ends_where_a_single_fit_does(rows):
    zero = Head(np.zeros((K, C), np.float32), np.zeros(K, np.float32))
    path = HeadFit(rows, zero)
    for pull in (1.0, 0.1):
        path.fit(pull)
    np.testing.assert_allclose(
        softmax(path.fit(0.01).logits(rows.features)),
        softmax(HeadFit(rows, zero).fit(0.01).logits(rows.features)),
        atol=2e-3,
    )


def test_an_endless_pull_leaves_the_head_as_it_is(rows, rng):
    start = Head(rng.normal(size=(K, C)).astype(np.float32), rng.normal(size=K).astype(np.float32))
    found = HeadFit(rows, start).fit(1e6)
    np.testing.assert_allclose(found.logits(rows.features), start.logits(rows.features), atol=1e-4)
