"""A graph small enough to be written out: convolution, depthwise convolution, and one that ends the model."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from PIL import Image

from recyclenet.checkpoint import save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.export import export
from recyclenet.models.factory import create_classifier
from recyclenet.preprocess import PreprocessSpec
from recyclenet.quantize.layers import find_layers, quantized_maps
from recyclenet.quantize.qdq import _Writer, write_int8
from recyclenet.quantize.rounding import round_nearest

RNG = np.random.default_rng(3)
WEIGHTS = {
    "first.weight": RNG.normal(size=(4, 3, 1, 1)),
    # One scale for all four channels would leave nothing of the last three.
    "depthwise.weight": RNG.normal(size=(4, 1, 3, 3)) / 4 * np.array([300, 1, 1, 1]).reshape(4, 1, 1, 1),
    "second.weight": RNG.normal(size=(5, 4, 1, 1)),
    "gate.weight": RNG.normal(size=(1, 5, 1, 1)),
    "first.bias": RNG.normal(size=4),
    "second.bias": RNG.normal(size=5),
    "zero": np.array(0.0),
    "six": np.array(6.0),
}
RANGES = {"images": (-3.0, 3.0), "b": (0.0, 12.0), "d": (0.0, 6.0), "e": (-12.0, 12.0)}


@pytest.fixture
def model():
    nodes = [
        helper.make_node("Conv", ["images", "first.weight", "first.bias"], ["a"], name="n1"),
        helper.make_node("Relu", ["a"], ["b"], name="n2"),
        helper.make_node("Conv", ["b", "depthwise.weight"], ["c"], name="n3", group=4, pads=[1, 1, 1, 1]),
        helper.make_node("Clip", ["c", "zero", "six"], ["d"], name="n4"),
        helper.make_node("Conv", ["d", "second.weight", "second.bias"], ["e"], name="n5"),
        helper.make_node("Conv", ["e", "gate.weight"], ["f"], name="n6"),
        helper.make_node("Sigmoid", ["f"], ["g"], name="n7"),
        helper.make_node("Mul", ["e", "g"], ["out"], name="n8"),
    ]
    shape = ["N", 3, 8, 8]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 5, 8, 8]) for name in ("out", "e")],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in WEIGHTS.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def session_of(model, optimized=True, **settings):
    options = onnxruntime.SessionOptions()
    for name, value in settings.items():
        setattr(options, name, value)
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(model, optimized=True):
    session = session_of(model, optimized)
    images = np.random.default_rng(5).uniform(-3, 3, (2, 3, 8, 8)).astype(np.float32)
    return session.run(["out", "e"], {"images": images})


def small(model, kept=()):
    layers = find_layers(model)
    bias = {"first": "first.bias", "second": "second.bias"}
    weights = {
        layer.name: round_nearest(
            WEIGHTS[layer.weight].astype(np.float32),
            WEIGHTS[bias[layer.name]].astype(np.float32) if layer.bias else np.zeros(4, np.float32),
        )
        for layer in layers
    }
    return write_int8(model, layers, RANGES, weights, kept)


def test_layers_by_how_they_end(model):
    layers = find_layers(model)
    assert [(layer.name, layer.source, layer.output, layer.compute, layer.size) for layer in layers] == [
        ("first", "images", "b", "int8", 12),
        ("depthwise", "b", "d", "int8", 36),
        ("second", "d", "e", "weights", 20),  # an output of the model
        ("gate", "e", "f", "weights", 5),  # ends in a gate
    ]
    assert quantized_maps(layers, ()) == ["images", "b", "d"]
    assert quantized_maps(layers, ["depthwise"]) == ["images", "b"]
    assert quantized_maps(layers, ["first", "depthwise"]) == []


def test_weights_are_int8_and_activations_that_saturate_alike_are_gone(model):
    written = small(model)
    operators = [node.op_type for node in written.graph.node]
    assert "Clip" not in operators
    assert "Relu" not in operators
    stored = {item.name: item.data_type for item in written.graph.initializer}
    assert not set(WEIGHTS) - {"first.bias", "second.bias"} & set(stored)
    assert stored["n3_weight_quantized"] == onnx.TensorProto.INT8
    assert stored["n3_bias_quantized"] == onnx.TensorProto.INT32
    assert [item.name for item in written.graph.output] == ["out", "e"]


def test_what_leads_to_a_gate_through_another_convolution_is_computed_in_floats(model):
    gate = next(node for node in model.graph.node if node.name == "n6")
    gate.output[0] = "sums"
    model.graph.initializer.append(numpy_helper.from_array(np.float32([[[[2]]]]), "moved.weight"))
    model.graph.node.insert(6, helper.make_node("Conv", ["sums", "moved.weight"], ["f"], name="n9"))
    assert [(layer.name, layer.compute) for layer in find_layers(model)][-2:] == [
        ("gate", "weights"),
        ("moved", "weights"),
    ]
    # With another reader it is a map like others.
    model.graph.node.append(helper.make_node("Neg", ["sums"], ["h"], name="n10"))
    assert [layer.compute for layer in find_layers(model)][-2:] == ["int8", "weights"]


def test_no_weights_of_float_layers_are_made_anew_for_each_photo(model, tmp_path):
    """What onnxruntime makes of the file when it loads it: constants."""
    stored = tmp_path / "optimized.onnx"
    session_of(small(model), optimized_model_filepath=str(stored), log_severity_level=3)
    graph = onnx.load(stored).graph
    constants = {item.name: item for item in graph.initializer}
    layers = [node for node in graph.node if node.op_type in ("Conv", "FusedConv")]
    assert len(layers) == 2, "second and gate"
    for node in layers:
        assert constants[node.input[1]].data_type == onnx.TensorProto.FLOAT
    assert not {"Cast", "Reorder"} & {node.op_type for node in graph.node}


def test_a_clip_that_cuts_more_than_the_range_stays(model):
    next(item for item in model.graph.initializer if item.name == "six").CopyFrom(
        numpy_helper.from_array(np.float32(3), "six")
    )
    assert "Clip" in [node.op_type for node in small(model).graph.node]


def test_outputs_stay_near(model):
    for wanted, found in zip(run(model), run(small(model)), strict=True):
        assert 0 < np.abs(found - wanted).mean() < 0.1 * wanted.std()


def test_a_layer_kept_in_floats_is_computed_in_floats(model, monkeypatch):
    """onnxruntime rounds the weights of a float layer between 8-bit maps unless it is kept from it."""
    kept = ["depthwise"]
    # Its output is read in 8 bits, so that the layer stands between 8-bit maps.
    layers = find_layers(model)
    monkeypatch.setattr("recyclenet.quantize.qdq.quantized_maps", lambda *_: ["images", "b", "d"])
    shielded = small(model, kept)
    monkeypatch.setattr(_Writer, "shield", lambda *_: None)
    bare = small(model, kept)
    assert layers[1].name == kept[0]
    wanted = run(shielded, optimized=False)[1]
    step = 0.05 * np.abs(wanted).max()
    assert np.abs(run(shielded)[1] - wanted).max() < step
    assert np.abs(run(bare)[1] - wanted).max() > 2 * step


def test_a_network_without_layers_is_refused(model):
    del model.graph.initializer[:]
    with pytest.raises(RecycleNetError, match="nothing to quantize"):
        find_layers(model)


def test_gates_that_move_their_sums_alike_are_no_layers_of_the_same_weights(tmp_path):
    """The exporter stores equal constants once: what moves the sums of every gate of this network is one weight."""
    config = ModelConfig(arch="resnet18", attn="recyclenet", attn_at="blocks", kernel_size=3)
    checkpoint = tmp_path / "m.safetensors"
    classes = ("a", "b")
    save_checkpoint(
        checkpoint, create_classifier(config, 2).state_dict(), ModelDescription(config, classes, PreprocessSpec(64, 64))
    )
    export(checkpoint, tmp_path / "m.onnx", [Image.new("RGB", (64, 64))])
    layers = find_layers(onnx.load(tmp_path / "m.onnx"))
    assert len(layers) == 20 + 8 * 3 + 2, "20 convolutions, three layers for each of 8 modules, the head twice"
