"""The bundled model on the 431 test photos: as good as its card says, and the same in torch."""

import re
from itertools import pairwise

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from recyclenet.data.folder import open_photo_folder
from recyclenet.evaluate import Model, evaluate, load_model
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.model_card import ModelCard, measure, to_markdown
from recyclenet.models.factory import create_classifier
from recyclenet.predictor import Predictor, read_model
from tests.conftest import REPOSITORY

CARD = REPOSITORY / "docs" / "model-card.md"


@pytest.fixture(scope="module")
def card(trashnet) -> ModelCard:
    return measure(None, open_photo_folder(trashnet))


def test_at_least_92_percent(card):
    assert card.test.scores.total == 431
    assert card.test.scores.correct >= 397


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
    assert len(data) <= 12e6
    predictor = Predictor()
    assert predictor.classes == TRASHNET_CLASSES
    config = predictor.description.model
    assert (config.arch, config.attn) == ("mobilenetv2_100", "recyclenet")
    assert sum(p.numel() for p in create_classifier(config, 6).parameters()) <= 3_000_000


def in_torch(description):
    """The torch network with the bundled file's weights.

    The export folds each batch norm into the convolution before it; here the folded kernel goes into the
    convolution, and the batch norm is left to add the folded bias and nothing else.
    """
    graph = onnx.load_from_string(read_model(None)).graph
    stored = {item.name.removeprefix("model."): torch.tensor(numpy_helper.to_array(item)) for item in graph.initializer}
    network = create_classifier(description.model, len(description.classes)).eval()
    layers = [(n, m) for n, m in network.named_modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    for (name, conv), (_, norm) in pairwise(layers):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            stored_bias = stored.pop(f"{name}.weight_bias")
            conv.weight.data = stored.pop(f"{name}.weight")
            norm.weight.data = torch.ones_like(stored_bias)
            norm.bias.data = stored_bias
            norm.running_mean = torch.zeros_like(stored_bias)
            norm.running_var = torch.full_like(stored_bias, 1 - norm.eps)
    parameters = dict(network.named_parameters())
    for name in [name for name in stored if name in parameters]:
        parameters[name].data = stored.pop(name)
    as_kernel = network.head.weight.data[:, :, None, None]  # the head once more, as the evidence maps' convolution
    left = [tensor for tensor in stored.values() if tensor.numel() > 4 and not torch.equal(tensor, as_kernel)]
    assert not left, "weights of the file that have no place in torch"
    return network


def test_torch_and_onnx_agree_on_every_answer(card, trashnet):
    description = card.model.description
    network = in_torch(description)

    def logits_of(images):
        with torch.inference_mode():
            return network(torch.from_numpy(images)).numpy()

    torchs = evaluate(Model("torch", "checkpoint", description, logits_of), open_photo_folder(trashnet), "test")
    assert (torchs.logits.argmax(axis=1) == card.test.logits.argmax(axis=1)).all()
    np.testing.assert_allclose(torchs.logits, card.test.logits, atol=1e-4)


def test_one_photo_answers_as_in_the_evaluation(card, trashnet):
    predictor = Predictor()
    for i in (0, 200, 430):
        prediction = predictor.predict(trashnet / card.test.records[i].path)
        assert list(prediction.probs.values()) == pytest.approx(card.test.probs[i], abs=1e-5)
        assert prediction.label == max(prediction.probs, key=prediction.probs.get)
        assert prediction.prob == max(prediction.probs.values())


def test_evaluating_needs_no_torch_for_onnx():
    assert load_model(None).kind == "onnx"
