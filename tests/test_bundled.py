"""The bundled model on the 431 test photos: as good as its card says, and the same in torch."""

import re

import numpy as np
import pytest

from recyclenet.checkpoint_model import load_checkpoint_model
from recyclenet.data.folder import open_photo_folder
from recyclenet.evaluate import evaluate, load_model
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.model_card import ModelCard, measure, to_markdown
from recyclenet.models.factory import create_classifier
from recyclenet.parity import compare
from recyclenet.photo import load_photo
from recyclenet.predictor import Predictor, read_model
from tests.conftest import REPOSITORY

CARD = REPOSITORY / "docs" / "model-card.md"


@pytest.fixture(scope="module")
def card(trashnet) -> ModelCard:
    return measure(None, open_photo_folder(trashnet))


def test_at_least_91_percent_and_94_of_what_it_was_chosen_by(card):
    assert (card.test.scores.total, card.val.scores.total) == (431, 328)
    assert card.test.scores.correct >= 393
    assert card.val.scores.correct >= 309


def test_card_says_what_is_measured(card):
    """Counts exactly; rounded figures to one unit of their last digit, which processors may round differently."""
    number = re.compile(r"\d+\.\d+")
    written, measured = CARD.read_text(encoding="utf-8"), to_markdown(card)
    # Minutes of work, and photos that are not everywhere: measured when the card is written, not here.
    written = re.sub(r"## Away from the white board\n.*?(?=## What it is not)", "", written, flags=re.DOTALL)
    assert number.sub("#", written) == number.sub("#", measured)
    for was, is_now in zip(number.findall(written), number.findall(measured), strict=True):
        assert abs(float(was) - float(is_now)) <= 1.01 * 10 ** -len(was.partition(".")[2]), (was, is_now)


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
    some = slice(None, None, 4)  # in torch each photo takes four times as long
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
