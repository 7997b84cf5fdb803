"""Other weights in an exported graph: the maps' mean stays the logit, all before the head stays as it was."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from recyclenet.adapt.onnx_head import Head, open_graph, read_head, write_head
from recyclenet.errors import RecycleNetError
from recyclenet.predictor import Predictor, read_model


def opened(path):
    return open_graph(read_model(path), "it"), Predictor(path).description


def test_the_head_that_is_read_is_the_one_that_answers(either, images):
    graph, _ = opened(either)
    outputs = Predictor(either).outputs(images)
    np.testing.assert_allclose(read_head(graph, "it").logits(outputs.features), outputs.logits, atol=1e-4)


@pytest.mark.parametrize("more", [0, 2])
def test_another_head_answers(either, images, rng, tmp_path, more):
    graph, description = opened(either)
    old = Predictor(either).outputs(images)
    count = len(description.classes) + more
    head = Head(
        rng.normal(size=(count, old.features.shape[1])).astype(np.float32), rng.normal(size=count).astype(np.float32)
    )
    classes = (*description.classes, "wood", "wool")[:count]
    path = tmp_path / "new.onnx"
    path.write_bytes(write_head(graph, head, replace(description, classes=classes), "it"))
    new = Predictor(path)
    assert new.classes == classes
    made = new.outputs(images)
    np.testing.assert_array_equal(made.features, old.features)
    np.testing.assert_allclose(made.logits, head.logits(old.features), atol=1e-4)
    np.testing.assert_allclose(made.evidence.mean(axis=(2, 3)), made.logits, atol=2e-3)
    assert made.evidence.shape[2:] == old.evidence.shape[2:]
    again = open_graph(path.read_bytes(), "it")
    np.testing.assert_array_equal(read_head(again, "it").weight, head.weight)
    # Adapting what was adapted leaves nothing of the head before.
    twice = open_graph(write_head(again, head, new.description, "it"), "it")
    assert sorted(item.name for item in twice.graph.initializer) == sorted(i.name for i in again.graph.initializer)
    read = {name for node in again.graph.node for name in node.input}
    assert {item.name for item in again.graph.initializer} <= read


def test_models_without_such_a_head_are_refused(exported):
    graph, _ = opened(exported)
    for node in graph.graph.node:
        if node.output[0] == "features":
            node.output[0] = "something"
        node.input[:] = ["something" if name == "features" else name for name in node.input]
    with pytest.raises(RecycleNetError, match="gives no features: export"):
        read_head(graph, "it")
    graph, _ = opened(exported)
    linear = next(node for node in graph.graph.node if node.output[0] == "logits")
    linear.op_type = "MatMul"
    with pytest.raises(RecycleNetError, match="not laid out"):
        read_head(graph, "it")
    graph, _ = opened(exported)
    convolution = next(node for node in graph.graph.node if node.output[0] == "cam")
    graph.graph.node.insert(0, helper.make_node("Relu", [convolution.input[1]], ["computed"]))
    convolution.input[1] = "computed"
    with pytest.raises(RecycleNetError, match="not in the file as numbers"):
        read_head(graph, "it")
    with pytest.raises(RecycleNetError, match="not a usable ONNX model"):
        open_graph(b"\xff" * 9, "it")


def test_8_bit_weights_are_read_as_files_had_them_before(int8):
    """A DequantizeLinear where there are a Cast and a Mul now, of the same integers."""
    graph, _ = opened(int8)
    wanted = read_head(graph, "it")
    nodes = {node.output[0]: node for node in graph.graph.node}
    replaced = 0
    for output in ("logits", "cam"):
        scaled = nodes[nodes[output].input[1]]
        scale = next(item for item in graph.graph.initializer if item.name == scaled.input[1])
        rows = numpy_helper.to_array(scale).reshape(-1)
        scale.CopyFrom(numpy_helper.from_array(rows, scale.name))
        zero = numpy_helper.from_array(np.zeros(len(rows), np.int8), f"{output}_zero")
        graph.graph.initializer.append(zero)
        scaled.CopyFrom(
            helper.make_node(
                "DequantizeLinear", [nodes[scaled.input[0]].input[0], scale.name, zero.name], scaled.output, axis=0
            )
        )
        replaced += 1
    assert replaced == 2
    found = read_head(graph, "it")
    np.testing.assert_array_equal(found.weight, wanted.weight)
    np.testing.assert_array_equal(found.bias, wanted.bias)


@pytest.mark.parametrize("change", ["no scale", "another step", "a scale for each feature"])
def test_weights_made_in_another_way_are_refused(int8, change):
    graph, _ = opened(int8)
    nodes = {node.output[0]: node for node in graph.graph.node}
    scaled = nodes[nodes["logits"].input[1]]
    if change == "no scale":
        nodes["logits"].input[1] = scaled.input[0]
    elif change == "another step":
        nodes[scaled.input[0]].op_type = "Sqrt"
    else:
        channels = read_head(graph, "it").weight.shape[1]
        wide = numpy_helper.from_array(np.ones((1, channels), np.float32), "wide")
        graph.graph.initializer.append(wide)
        scaled.input[1] = "wide"
    with pytest.raises(RecycleNetError, match="export it again"):
        read_head(graph, "it")


def test_the_bundled_model_has_such_a_head():
    graph = onnx.load_from_string(read_model(None))
    assert read_head(graph, "it").weight.shape[0] == len(Predictor().classes)
