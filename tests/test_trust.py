"""What is reported of a calibrated model, and of its decisions, against figures worked out by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recyclenet.calibration import Calibration
from recyclenet.class_directions import ClassDirections
from recyclenet.config import ModelConfig
from recyclenet.data.splits import PhotoRecord
from recyclenet.description import ModelDescription
from recyclenet.encoded import encode
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Evaluation, Model
from recyclenet.metrics import calibration_error_by_chance, expected_calibration_error, score, softmax, wilson_interval
from recyclenet.preprocess import PreprocessSpec
from recyclenet.report import to_markdown, to_table, write_report
from recyclenet.rules import Bin, Costs, Rules
from recyclenet.sorting import sort_photos, sorting_lines
from recyclenet.trust import measure_trust, trust_lines, trust_table
from recyclenet.unknown import UnknownScore

CLASSES = ("paper", "bottle")


def evaluation_of(probs, labels, *, temperature=0.5, features=None, unknown=None):
    """Probs (n,) of paper after calibration; the plain logits are the calibrated ones times the temperature."""
    probs = np.array(probs)
    calibrated = np.log(np.stack([probs, 1 - probs], axis=1))
    logits = (calibrated * temperature).astype(np.float32)
    calibration = Calibration(temperature, 0.95, "lac", 0.7, 100, "ab12", unknown)
    description = ModelDescription(ModelConfig(), CLASSES, PreprocessSpec(), calibration=calibration)
    targets = np.array([CLASSES.index(label) for label in labels])
    return Evaluation(
        model=Model("m", "onnx", description, lambda images: logits),
        data="d",
        split="test",
        fingerprint="f",
        records=tuple(PhotoRecord(f"{number}.jpg", label, "test") for number, label in enumerate(labels)),
        logits=logits,
        scores=score(logits / temperature, targets, CLASSES),
        features=features,
    )


@pytest.fixture
def evaluation():
    return evaluation_of([0.95, 0.9, 0.6, 0.2], ["paper", "paper", "bottle", "bottle"])


def test_trust_by_hand(evaluation):
    trust = measure_trust(evaluation)
    # Sets hold classes from 0.3 on: {paper}, {paper}, {paper, bottle}, {bottle}.
    assert (trust.covered, trust.total, trust.set_sizes, trust.mean_size) == (4, 4, (3, 1), 1.25)
    # The surest first: 0.95 right, 0.9 right, 0.8 right, 0.6 wrong.
    assert (trust.selective.answered, trust.selective.correct) == (3, 3)
    assert trust.risk.area == pytest.approx(1 / 4 / 4)
    assert trust.ece_after == pytest.approx((0.05 + 0.1 + 0.2 + 0.6) / 4, abs=1e-6)
    assert trust.ece_before == pytest.approx(expected_calibration_error(softmax(evaluation.logits), evaluation.targets))
    assert trust.called_unknown is None
    assert trust.ece_by_chance == calibration_error_by_chance(evaluation.probs)
    mean, low, high = trust.ece_by_chance
    assert f"Exact probabilities would show an ECE of {mean:.3f} on as many photos" in trust_lines(trust)[0]
    assert trust_table(trust)["ece_by_chance"] == {"mean": mean, "low": low, "high": high}
    used = [item for item in trust.reliability if item.photos]
    assert [(item.photos, item.correct) for item in used] == [(1, 0), (1, 1), (1, 1), (1, 1)]
    assert all(item.low < item.confidence <= item.high for item in used)
    assert sum(abs(item.correct - item.photos * item.confidence) for item in used) / 4 == pytest.approx(trust.ece_after)
    json.dumps(trust_table(trust), allow_nan=False)


def test_sets_that_miss():
    """Sets hold classes from 0.3 on: {paper}, {paper}, {paper, bottle}, {bottle}; the second is a bottle."""
    trust = measure_trust(evaluation_of([0.95, 0.9, 0.6, 0.2], ["paper", "bottle", "bottle", "bottle"]))
    assert (trust.covered, trust.total, trust.set_sizes) == (3, 4, (3, 1))
    low, high = wilson_interval(3, 4)
    assert f"**3 of 4 = 75.0 %** (95 % interval {100 * low:.1f}–{100 * high:.1f})" in trust_lines(trust)[1]
    assert trust_table(trust)["sets"]["covered"] == 3
    # The surest first: right, wrong, right, wrong. Only the surest alone is right often enough.
    assert (trust.selective.answered, trust.selective.correct) == (1, 1)
    assert "1 of 4 photos (25.0 %)" in trust_lines(trust)[2]
    assert "chosen on these very photos" in trust_lines(trust)[2]


def test_no_number_of_answers_is_right_often_enough():
    trust = measure_trust(evaluation_of([0.9, 0.8], ["bottle", "bottle"]))
    assert trust.selective.answered == 0
    assert trust_table(trust)["selective"]["threshold"] is None
    assert "0 of 2 photos (0.0 %)" in "\n".join(trust_lines(trust))


def test_without_a_calibration(evaluation):
    description = replace(evaluation.model.description, calibration=None)
    bare = replace(evaluation, model=replace(evaluation.model, description=description))
    with pytest.raises(RecycleNetError, match="m has no calibration: run 'recyclenet calibrate'"):
        measure_trust(bare)
    assert to_table(bare)["trust"] is None
    assert "trusted" not in to_markdown(bare)


RULES = Rules(
    {"paper": Bin("paper", "#000001"), "rest": Bin("rest", "#000002")},
    {"paper": "paper", "bottle": "rest"},
    Costs(ask=0.3, wrong=1.0, of={"bottle": {"paper": 5.0}}),
)


def test_bins_by_hand(evaluation):
    sorting = sort_photos(evaluation, RULES, "own")
    # Expected: paper costs 5 (1 - p), rest p, asking 0.3. 0.95 → paper (0.25); 0.9 → ask; 0.6 → ask; 0.2 → rest (0.2).
    decided, argmax = sorting.decided, sorting.argmax
    assert (decided.correct, decided.asked, decided.total) == (2, 2, 4)
    assert decided.cost == pytest.approx((0 + 0.3 + 0.3 + 0) / 4)
    assert sorting.expected_cost == pytest.approx((0.25 + 0.3 + 0.3 + 0.2) / 4)
    assert [(item.bin, item.photos, item.foreign) for item in decided.streams] == [("paper", 1, 0), ("rest", 1, 0)]
    # The likeliest: paper, paper, paper (a bottle: 5), rest.
    assert (argmax.correct, argmax.asked) == (3, 0)
    assert argmax.cost == pytest.approx(5 / 4)
    assert [(item.photos, item.foreign) for item in argmax.streams] == [(3, 1), (1, 0)]
    assert argmax.streams[0].interval == wilson_interval(1, 3)
    text = "\n".join(sorting_lines(sorting))
    assert "1 of 3 = 33.3 %" in text
    assert "| 2 | 0 | 2 | 100.0 %" in text


# Strange is what does not point along the first of two directions, however sure it is.
POINTING = ClassDirections(2, 1, encode(np.eye(1, 2), "<f2"))
UNKNOWN = UnknownScore(2, 1, encode(np.zeros(2), "<f4"), encode(np.eye(1, 2), "<f2"), POINTING, 100.0, -50.0, 1.0, 0.99)


def test_strangers_are_asked_about():
    found = evaluation_of([0.99, 0.99], ["paper", "paper"], features=np.float32([[5, 0], [0, 50]]), unknown=UNKNOWN)
    assert found.is_unknown.tolist() == [False, True]
    assert measure_trust(found).called_unknown == 1
    sorting = sort_photos(found, RULES, "own")
    assert (sorting.decided.correct, sorting.decided.asked, sorting.argmax.correct) == (1, 1, 2)


def test_rules_without_a_bin_for_a_class(evaluation):
    with pytest.raises(RecycleNetError, match="the rules own have no bin for bottle"):
        sort_photos(evaluation, replace(RULES, materials={"paper": "paper"}), "own")


def test_the_report_has_it_all(evaluation, tmp_path):
    sorting = sort_photos(evaluation, RULES, "own")
    files = write_report(evaluation, tmp_path, tmp_path, sorting)
    names = {path.name for path in files}
    assert {"reliability.png", "risk-coverage.png"} <= names == {path.name for path in tmp_path.iterdir()}
    table = json.loads((tmp_path / "metrics.json").read_text())
    assert table["trust"]["sets"]["covered"] == 4
    assert table["sorting"]["argmax"]["cost"] == 1.25
    text = (tmp_path / "report.md").read_text()
    assert all(line in text for line in (*trust_lines(measure_trust(evaluation)), *sorting_lines(sorting)))
    with Image.open(Path(tmp_path / "reliability.png")) as picture:
        assert picture.size == (540, 540)


def test_arrays_stay_out_of_the_report():
    found = evaluation_of([0.9], ["paper"], features=np.zeros((1, 2), np.float32), unknown=UNKNOWN)
    assert set(to_table(found)["description"]["calibration"]["unknown"]).isdisjoint({"mean", "plane", "classes"})
