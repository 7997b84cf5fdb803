import numpy as np
import pytest

from recyclenet.config import ModelConfig
from recyclenet.data.splits import PhotoRecord
from recyclenet.description import ModelDescription
from recyclenet.evaluate import Evaluation, Model
from recyclenet.metrics import score
from recyclenet.preprocess import PreprocessSpec
from recyclenet.visualize.better import better_than

LABELS = ("glass", "metal", "paper")


def evaluation(records, logits, classes=LABELS):
    description = ModelDescription(ModelConfig(), classes, PreprocessSpec())
    targets = np.array([classes.index(record.label) for record in records])
    logits = np.asarray(logits, dtype=np.float32)
    return Evaluation(
        Model("m", "onnx", description, lambda images: images),
        "data",
        "val",
        "",
        records,
        logits,
        score(logits, targets, classes),
    )


@pytest.mark.parametrize("seed", range(5))
def test_exactly_the_photos_that_one_gets_right_and_the_other_wrong(seed):
    rng = np.random.default_rng(seed)
    records = tuple(PhotoRecord(f"{i:03}.jpg", LABELS[rng.integers(3)], "val") for i in range(60))
    first, second = rng.normal(0, 2, (2, 60, 3))
    order = ("paper", "glass", "metal")  # the second model's classes in another order
    columns = [LABELS.index(name) for name in order]
    found = better_than(evaluation(records, first), evaluation(records, second[:, columns], order))

    sure = {}
    for record, mine, theirs in zip(records, first, second, strict=True):
        if LABELS[mine.argmax()] == record.label and LABELS[theirs.argmax()] != record.label:
            sure[record] = np.exp(mine.max()) / np.exp(mine).sum()
    assert set(found) == set(sure)
    assert 0 < len(found) < 60
    assert [sure[record] for record in found] == sorted(sure.values(), reverse=True)


def test_no_model_is_better_than_itself():
    records = tuple(PhotoRecord(f"{i}.jpg", "glass", "val") for i in range(4))
    one = evaluation(records, np.random.default_rng(0).normal(size=(4, 3)))
    assert better_than(one, one) == []


def test_evaluations_of_different_photos_are_no_pair():
    one, other = ((PhotoRecord(f"{name}.jpg", "glass", "val"),) for name in "ab")
    with pytest.raises(ValueError, match="different photos"):
        better_than(evaluation(one, [[1, 0, 0]]), evaluation(other, [[1, 0, 0]]))
