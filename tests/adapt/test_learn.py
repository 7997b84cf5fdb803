"""Learning from few features without forgetting, held-out answers that know nothing of their photos, calibration."""

import numpy as np
import pytest

from recyclenet.adapt import learn as learning
from recyclenet.adapt.head_fit import Rows
from recyclenet.adapt.learn import PULLS, grown, hold_out, learn
from recyclenet.adapt.memory import AGAINST_NEW, REMEMBERED, WEIGHT, WIDENED, imagined_features, memory_rows
from recyclenet.adapt.onnx_head import Head
from recyclenet.adapt.recalibrate import recalibrate
from recyclenet.calibrate import fit_temperature
from recyclenet.calibration import Calibration
from recyclenet.conformal import fit_threshold
from recyclenet.encoded import decode
from recyclenet.metrics import softmax
from recyclenet.unknown import UnknownScore
from recyclenet.unknown_fit import fit_unknown

C, K = 40, 3


@pytest.fixture
def world(rng):
    """Old photos, a head that is right about them, and a camera that shifts every feature."""
    centres = 3 * rng.normal(size=(K, C))
    targets = np.arange(300) % K
    old = (centres[targets] + rng.normal(size=(300, C))).astype(np.float32)
    head = Head(centres.astype(np.float32) / 3, -(centres**2).sum(axis=1).astype(np.float32) / 6)
    assert (head.logits(old).argmax(axis=1) == targets).all()
    shift = 15 * rng.normal(size=C)
    made = np.arange(24) % K
    new = (centres[made] + shift + rng.normal(size=(24, C))).astype(np.float32)
    return old, targets, head, np.stack([new, new + 0.1], axis=1).astype(np.float32), made


def test_learns_the_new_and_keeps_the_old(world):
    old, targets, head, new, made = world
    assert (head.logits(new[:, 0]).argmax(axis=1) == made).mean() < 0.8
    unknown = fit_unknown(old, targets, (head.logits(old), old), dimensions=10)
    imagined = imagined_features(unknown, new.reshape(-1, C), seed=3)
    for features in (old, imagined):
        learnt = learn(new, made, head, memory_rows(features, head, K), PULLS[-1])
        assert (learnt.logits(new[:, 0]).argmax(axis=1) == made).mean() == 1
        assert (learnt.logits(old).argmax(axis=1) == targets).mean() > 0.95


def test_imagined_features_have_the_files_mean_and_the_photos_spread(rng):
    unknown = fit_unknown(
        rng.normal(size=(50, 8)).astype("f4"),
        np.arange(50) % 2,
        (rng.normal(size=(9, 2)).astype("f4"), rng.normal(size=(9, 8)).astype("f4")),
        dimensions=2,
    )
    photos = unknown.centre + np.float32([[4, 0], [-4, 0], [0, 0.5], [0, -0.5]]) @ unknown.directions
    imagined = imagined_features(unknown, photos, seed=1)
    assert imagined.shape == (REMEMBERED, 8)
    np.testing.assert_allclose(imagined.mean(axis=0), unknown.centre, atol=0.9)
    along = (imagined - unknown.centre) @ unknown.directions.T
    np.testing.assert_allclose(along.std(axis=0), WIDENED * np.array([4, 0.5]) / np.sqrt(2), rtol=0.15)
    beside = imagined - unknown.centre - along @ unknown.directions
    assert np.abs(beside).max() < 0.02
    np.testing.assert_array_equal(imagined, imagined_features(unknown, photos, seed=1))


def test_a_new_class_starts_in_the_middle_and_is_learnt(world, rng):
    old, targets, head, new, made = world
    start = grown(head, K + 1)
    np.testing.assert_allclose(start.logits(old)[:, K], head.logits(old).mean(axis=1), rtol=1e-3, atol=1e-2)
    strange = rng.normal(size=(8, 1, C)).astype(np.float32) * 3 + 5
    features = np.concatenate([new, np.repeat(strange, 2, axis=1)])
    memory = memory_rows(old, head, K + 1)
    assert memory.targets[:, K].max() == 0
    assert memory.weights.sum() == pytest.approx(WEIGHT, rel=1e-5)
    learnt = learn(features, np.concatenate([made, np.full(8, K)]), start, memory, 1e-3)
    assert (learnt.logits(strange[:, 0]).argmax(axis=1) == K).sum() >= 7
    assert (learnt.logits(old).argmax(axis=1) == targets).mean() > 0.95


def test_little_of_the_memory_speaks_against_a_new_class(rng):
    """A new class where the memory is: its photos are answered with it, since the old head could not know it."""
    old = rng.normal(size=(200, C)).astype(np.float32)
    head = Head(rng.normal(size=(K, C)).astype(np.float32), np.zeros(K, np.float32))
    memory = memory_rows(old, head, K + 1)
    assert memory.weights[memory.among == K + 1].sum() == pytest.approx(AGAINST_NEW * WEIGHT, rel=1e-5)
    np.testing.assert_array_equal(memory.targets[:200], memory.targets[200:])
    np.testing.assert_array_equal(memory_rows(old, head, K).among, K)
    photos, made = np.repeat(old[:40, None] * 1.2, 2, axis=1), np.arange(40) % 2
    # Half of the photos show what the old head takes them for, half a thing that it never knew.
    targets = np.where(made == 1, K, head.logits(photos[:, 0]).argmax(axis=1))
    everything = Rows(memory.features, memory.targets, memory.weights, np.full(400, K + 1))
    found = {}
    for name, rows in (("a little", memory), ("all of it", everything)):
        learnt = learn(photos, targets, grown(head, K + 1), rows, 3e-3)
        found[name] = (learnt.logits(photos[made == 1, 0]).argmax(axis=1) == K).mean()
    assert found["all of it"] + 0.3 < found["a little"], found


def test_classes_count_alike_however_many_photos_they_have(world):
    _, _, head, new, _ = world
    rows = learning._rows(new[:4], np.array([0, 0, 0, 2]), K, memory_rows(new[:0, 0], head, K))
    by_class = rows.targets.T @ rows.weights
    np.testing.assert_allclose(by_class, [0.5, 0, 0.5], rtol=1e-6)


def test_held_out_answers_do_not_know_the_photo(world):
    """Changing one photo's label changes no answer about its fold, only about others."""
    old, _, head, new, made = world
    memory, folds = memory_rows(old, head, K), np.arange(24) // 6
    told = []
    one = hold_out(new, made, folds, head, memory, lambda *at: told.append(at))
    assert told[-1] == (8, 8)
    changed = made.copy()
    changed[0] = (made[0] + 1) % K
    other = hold_out(new, changed, folds, head, memory)
    np.testing.assert_array_equal(one.logits[folds == 0], other.logits[folds == 0])
    assert np.abs(one.logits[folds == 1] - other.logits[folds == 1]).max() > 1e-3
    assert one.pull == min(one.nll, key=one.nll.get)


def test_two_folds_are_enough(world):
    old, _, head, new, made = world
    found = hold_out(new, made, np.arange(24) % 2, head, memory_rows(old, head, K))
    assert found.logits.shape == (24, K)


UNKNOWN = fit_unknown(
    np.random.default_rng(1).normal(size=(60, C)).astype("f4"),
    np.arange(60) % K,
    (
        np.random.default_rng(2).normal(size=(60, K)).astype("f4"),
        np.random.default_rng(3).normal(size=(60, C)).astype("f4"),
    ),
    dimensions=5,
)
OLD = Calibration(0.5, 0.9, "aps", 0.8, 100, "old", UNKNOWN)


def test_calibration_from_held_out_answers(rng):
    targets = rng.integers(0, K, 40)
    logits = (rng.normal(size=(40, K)) + 2 * np.eye(K)[targets] - 9).astype(np.float32)  # none is very likely
    features = (5 * rng.normal(size=(40, C))).astype(np.float32)
    made, said = recalibrate(OLD, logits, features, targets, "new")
    assert made.temperature == fit_temperature(logits, targets)
    probs = softmax(logits.astype(float) / made.temperature)
    assert (made.coverage, made.set_method, made.photos, made.fingerprint) == (0.9, "lac", 40, "new")
    assert made.set_threshold == fit_threshold(probs, targets, 0.9, "lac")
    assert "fitted anew on 40" in said
    # 99 % of 40 photos are all of them: none of these is called unknown any more.
    assert made.unknown.middle == pytest.approx(UNKNOWN.raw(logits, features).max())
    assert isinstance(made.unknown, UnknownScore)
    along = np.repeat(decode(UNKNOWN.classes.directions, "<f2", K * C, "rows").reshape(K, C)[:1], 40, axis=0)
    near, _ = recalibrate(OLD, logits + 50, along, targets, "new")
    assert near.unknown.middle == UNKNOWN.middle  # it never moves in


def test_a_new_class_is_where_its_photos_point(rng):
    """K directions are known; photos of class K point along another one, and are no strangers afterwards."""
    axes = np.linalg.qr(rng.normal(size=(C, C)))[0][: K + 1].astype(np.float32)

    def draw(classes, count):
        targets = rng.choice(classes, count)
        features = (10 * axes[targets] + rng.normal(0, 0.3, (count, C))).astype(np.float32)
        return np.zeros((count, K + 1), np.float32), features, targets

    logits, features, targets = draw(K, 60)
    known = fit_unknown(features, targets, (logits[:, :K], features), dimensions=5)
    old = Calibration(0.5, 0.9, "aps", 0.8, 100, "old", known)
    made, _ = recalibrate(old, *draw([0, K], 40), "new")
    assert made.unknown.classes.classes == K + 1
    answers, photos, _ = draw([K], 20)
    assert known.classes.raw(photos).min() > -0.5
    assert made.unknown.classes.raw(photos).max() < -0.8
    assert (made.unknown.scores(answers, photos) <= 0.5).mean() > 0.8
    same, _ = recalibrate(old, *draw(K, 40), "new")
    assert same.unknown.classes == known.classes


def test_too_few_photos_for_sets_drop_the_calibration(rng):
    logits, targets = rng.normal(size=(8, K)).astype(np.float32), np.zeros(8, int)
    made, said = recalibrate(OLD, logits, np.zeros((8, C), np.float32), targets, "new")
    assert made is None
    assert "need 9 photos, not 8" in said
    made, said = recalibrate(None, logits, np.zeros((8, C), np.float32), targets, "new")
    assert made is None
    assert "need 19 photos" in said
