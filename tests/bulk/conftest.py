"""A model of a few kilobytes that answers in a millisecond, and photos."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from recyclenet.bulk.work import Work
from recyclenet.config import ModelConfig
from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.preprocess import PreprocessSpec
from recyclenet.rules import default_rules
from tests.conftest import COLOURS, save_photo


def tiny_model(seed=0):
    """Evidence from the mean colours of 16 places, for 32×32 pixels."""
    weight = np.random.default_rng(seed).normal(size=(3, 3, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["images"], ["places"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["places", "weight"], ["cam"]),
        helper.make_node("GlobalAveragePool", ["cam"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["logits"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("images", TensorProto.FLOAT, ["N", 3, 32, 32])],
        [value("logits", TensorProto.FLOAT, ["N", 3]), value("cam", TensorProto.FLOAT, ["N", 3, 4, 4])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    description = ModelDescription(ModelConfig(), tuple(COLOURS), PreprocessSpec(img_size=32, resize=36))
    helper.set_model_props(model, {METADATA_KEY: description.to_json()})
    return model.SerializeToString()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    path.write_bytes(tiny_model())
    return path


@pytest.fixture
def work(tiny):
    return Work(tiny.read_bytes(), "tiny", default_rules())


@pytest.fixture
def photos(tmp_path, rng):
    """Eleven photos in three folders, a broken one among them, and things that are none."""
    root = tmp_path / "photos"
    for label, colour in COLOURS.items():
        for number in range(3):
            save_photo(root / label / f"{number}.jpg", colour, rng)
    save_photo(root / "paper.png", COLOURS["paper"], rng)
    (root / "metal" / "broken.jpg").write_bytes(b"this is no photo")
    (root / "notes.txt").write_text("no photo")
    (root / ".hidden.jpg").write_text("no photo")
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX" / "1.jpg").write_text("no photo")
    return root
