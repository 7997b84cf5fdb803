"""The bundled model on the 431 test photos: as good as its card says, and the same in torch."""

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recyclenet.checkpoint_model import load_checkpoint_model
from recyclenet.comparison import Comparison
from recyclenet.data.folder import open_photo_folder
from recyclenet.evaluate import evaluate, load_model
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.model_card import ModelCard, measure, to_markdown
from recyclenet.model_card_results import read_results, results_lines
from recyclenet.models.factory import create_classifier
from recyclenet.parity import compare
from recyclenet.photo import load_photo
from recyclenet.predictor import Predictor, read_model
from recyclenet.stress.conditions import CONDITIONS
from recyclenet.stress.elsewhere import Elsewhere
from recyclenet.stress.job import Stress, Stressed
from recyclenet.stress.lines import elsewhere_lines, stress_lines
from recyclenet.strict import from_dict
from tests.conftest import REPOSITORY

CARD = REPOSITORY / "docs" / "model-card.md"
RESULTS = REPOSITORY / "results"


@pytest.fixture(scope="module")
def card(trashnet) -> ModelCard:
    return measure(None, open_photo_folder(trashnet))


def test_at_least_91_percent_and_94_of_what_it_was_chosen_by(card):
    assert (card.test.scores.total, card.val.scores.total) == (431, 328)
    assert card.test.scores.correct >= 393
    assert card.val.scores.correct >= 309


def read_stress() -> Stress:
    """What `recyclenet stress --data` wrote for the bundled model: minutes of work."""
    found = read_robustness("stress-bundled.json", "changed")
    conditions = {condition.name: condition for condition in CONDITIONS}
    rows = tuple(
        Stressed(
            conditions[row["condition"]],
            row["total"],
            row["correct"],
            row["unchanged_correct"],
            tuple(row["interval_95"]),
            from_dict(Comparison, row["comparison"], row["condition"]),
        )
        for row in found["conditions"]
    )
    return Stress("the bundled model", found["data"], found["split"], found["correct"], found["total"], rows)


def read_elsewhere() -> Elsewhere:
    """What `recyclenet stress --elsewhere` wrote: of photos that are not everywhere."""
    return from_dict(Elsewhere, read_robustness("web-bundled.json", "elsewhere"), "web-bundled.json")


def read_robustness(name: str, part: str) -> Any:
    table = json.loads((RESULTS / "robustness" / name).read_text(encoding="utf-8"))
    assert table["model"] == "the bundled model"
    return table[part]


def section(title: str) -> str:
    """Of the card: from the title to the next one of its rank."""
    return CARD.read_text(encoding="utf-8").split(f"## {title}\n", 1)[1].split("\n## ", 1)[0].strip()


def test_card_says_what_is_measured(card):
    """Counts exactly; rounded figures to one unit of their last digit, which processors may round differently."""
    number = re.compile(r"\d+\.\d+")
    whole = replace(card, stress=read_stress(), elsewhere=read_elsewhere(), results=read_results(RESULTS))
    written, measured = CARD.read_text(encoding="utf-8"), to_markdown(whole, CARD.parent)
    assert number.sub("#", written) == number.sub("#", measured)
    for was, is_now in zip(number.findall(written), number.findall(measured), strict=True):
        assert abs(float(was) - float(is_now)) <= 1.01 * 10 ** -len(was.partition(".")[2]), (was, is_now)


def test_card_says_of_other_photos_what_results_say():
    lines = [*stress_lines(read_stress()), "", *elsewhere_lines(read_elsewhere())]
    assert section("Away from the white board") == "\n".join(lines)


def test_card_repeats_what_other_commands_measured():
    lines = results_lines(read_results(RESULTS), CARD.parent)
    assert section("Measured by other commands") == "\n".join(lines[1:]).strip()
    *_, small = read_results(RESULTS).parity.models
    assert small.bytes == len(read_model(None)), "results/int8 is of another file than the one that is bundled"
    for line in lines:
        for link in re.findall(r"\]\((.*?)\)", line):
            assert (CARD.parent / link).is_file()


def test_small_and_whole():
    data = read_model(None)
    assert len(data) <= 3.5e6
    predictor = Predictor()
    assert predictor.classes == TRASHNET_CLASSES
    config = predictor.description.model
    assert (config.arch, config.attn) == ("mobilenetv2_100", "recyclenet")
    assert sum(p.numel() for p in create_classifier(config, 6).parameters()) <= 3_000_000


def test_its_checkpoint_is_the_same_network_in_torch_and_as_floats(card, trashnet, tmp_path, run):
    """The file in 8 bits and one in floats come from one checkpoint, each by one command."""
    floats = tmp_path / "floats.onnx"
    code, _, err = run("export", "bundled", "--out", floats)
    assert code == 0, err
    folder = open_photo_folder(trashnet)
    exported = evaluate(load_model(floats), folder, "test")
    description, outputs_of = load_checkpoint_model("bundled")
    some = slice(None, None, 12)  # in torch each photo takes four times as long
    photos = [load_photo(folder.root / record.path) for record in exported.records[some]]
    logits, *_ = outputs_of(np.stack([description.preprocess(photo) for photo in photos]))
    assert (logits.argmax(axis=1) == exported.logits[some].argmax(axis=1)).all()
    np.testing.assert_allclose(logits, exported.logits[some], atol=1e-4)
    pair = compare(exported, card.test)
    assert pair.total == 431
    assert pair.worse <= 2
    assert pair.agree >= 425


def test_one_photo_answers_as_in_the_evaluation(card, trashnet):
    predictor = Predictor()
    for i in (0, 200, 430):
        prediction = predictor.predict(trashnet / card.test.records[i].path)
        assert list(prediction.probs.values()) == pytest.approx(card.test.probs[i], abs=1e-5)
        assert prediction.label == max(prediction.probs, key=prediction.probs.get)
        assert prediction.prob == max(prediction.probs.values())


def test_evaluating_needs_no_torch_for_onnx():
    assert load_model(None).kind == "onnx"
