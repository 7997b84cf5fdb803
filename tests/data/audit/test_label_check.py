import numpy as np
from sklearn.linear_model import LogisticRegression

from recyclenet.data.audit import softmax_regression
from recyclenet.data.audit.embeddings import Embedder, embed
from recyclenet.data.audit.label_check import check_labels
from recyclenet.data.audit.softmax_regression import fit_and_answer
from recyclenet.data.splits import PhotoRecord


def blobs(rng: np.random.Generator, each: int = 40, classes: int = 3, width: int = 8):
    centres = 6 * rng.normal(size=(classes, width))
    targets = np.repeat(np.arange(classes), each)
    return (centres[targets] + rng.normal(size=(len(targets), width))).astype(np.float32), targets


def test_against_scikit_learn(rng, monkeypatch) -> None:
    monkeypatch.setattr(softmax_regression, "_STEPS", 3000)
    features, targets = blobs(rng)
    features = features + 8 * rng.normal(size=features.shape).astype(np.float32)  # so that the classes overlap
    fresh = rng.normal(size=(20, 8)).astype(np.float32)
    mean, std = features.mean(axis=0), features.std(axis=0) * np.sqrt(8)
    # scikit-learn minimises C · sum of losses + 1/2 · squared weights, and does not weigh the bias.
    model = LogisticRegression(C=1 / (1e-3 * len(features)), max_iter=5000, tol=1e-9)
    model.fit((features - mean) / std, targets)
    ours = fit_and_answer(features, targets, fresh, 3)
    np.testing.assert_allclose(ours, model.predict_proba((fresh - mean) / std), atol=1e-3)
    np.testing.assert_allclose(ours.sum(axis=1), 1)


def records(targets, names=("can", "bag", "jar")):
    return [PhotoRecord(f"{i}.jpg", names[target], "train") for i, target in enumerate(targets)]


def test_planted_mistakes_are_found(rng) -> None:
    features, targets = blobs(rng)
    planted = {3: 2, 50: 0, 90: 1}
    wrong = targets.copy()
    wrong[list(planted)] = list(planted.values())
    check = check_labels(records(wrong), features, {}, ("can", "bag", "jar"))
    assert {suspect.record.path for suspect in check.suspects} == {f"{i}.jpg" for i in planted}
    for suspect in check.suspects:
        place = int(suspect.record.path[:-4])
        assert suspect.answer == ("can", "bag", "jar")[targets[place]]
        assert suspect.prob > 0.5 > suspect.label_prob
    assert (check.agreeing, check.total) == (117, 120)
    assert [s.label_prob for s in check.suspects] == sorted(s.label_prob for s in check.suspects)


def test_a_twin_cannot_vouch_for_its_twin(rng) -> None:
    """A mistake held 30 times over would teach its own label, were the copies not held out with it."""
    features, targets = blobs(rng)
    copies = np.repeat(features[:1], 30, axis=0)
    everything = np.concatenate([features, copies])
    labels = np.concatenate([targets, np.full(30, 2)])
    groups = {f"{i}.jpg": "copies" for i in range(len(targets), len(labels))}
    alone, together = (
        {s.record.path for s in check_labels(records(labels), everything, names, ("can", "bag", "jar")).suspects}
        for names in ({}, groups)
    )
    assert not alone & set(groups)
    assert together >= set(groups)


def test_classes_of_one_group_are_not_judged(rng) -> None:
    features, targets = blobs(rng, each=10)
    groups = {f"{i}.jpg": "all one" for i in range(20, 30)}
    check = check_labels(records(targets), features, groups, ("can", "bag", "jar"))
    assert check.total == 20
    assert not any(suspect.record.label == "jar" for suspect in check.suspects)
    assert check_labels(records([0] * 9), features[:9], {}, ("can",)).total == 0
    assert check_labels([], np.zeros((0, 8), np.float32), {}, ("can", "bag")).total == 0


class OldPredictor:
    """Two classes; evidence (N, 2, 2, 2) counts up."""

    def preprocess(self, photo):
        return np.full((3, 4, 4), float(photo), np.float32)

    def run(self, images):
        evidence = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2) + images[:, :1, :1, :1]
        return evidence.mean(axis=(2, 3)), evidence


class NewPredictor(OldPredictor):
    """Gives features too, if it has some."""

    def __init__(self, has_features: bool) -> None:
        self.has_features = has_features

    def outputs(self, images):
        return (*self.run(images), 7 * images[:, 0, 0, :1] if self.has_features else None)


def test_embeddings_with_and_without_features() -> None:
    images = np.stack([OldPredictor().preprocess(value) for value in (0, 10)])
    spread = np.std([0, 1, 2, 3])
    by_hand = [[1.5, 5.5, 3, 7, spread, spread], [11.5, 15.5, 13, 17, spread, spread]]
    np.testing.assert_allclose(embed(OldPredictor(), images), by_hand, rtol=1e-6)
    np.testing.assert_allclose(embed(NewPredictor(False), images), by_hand, rtol=1e-6)
    np.testing.assert_allclose(embed(NewPredictor(True), images), [[0], [70]])


def test_embedder_keeps_the_order_over_batches() -> None:
    embedder = Embedder(NewPredictor(True))
    for value in range(19):
        embedder.add(value)
    np.testing.assert_allclose(embedder.finish()[:, 0], 7 * np.arange(19))
    assert len(Embedder(OldPredictor()).finish()) == 0
