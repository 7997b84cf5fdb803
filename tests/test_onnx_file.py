"""Files that a stranger could send: each is refused before onnxruntime sees it, with the reason."""

from contextlib import suppress

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from recyclenet import onnx_file
from recyclenet.errors import RecycleNetError
from recyclenet.onnx_file import Slot, read_onnx
from recyclenet.predictor import Predictor, read_model
from tests.test_predictor import changed_model

BUNDLED = read_model(None)


def model_with(*, initializer=(), nodes=(), functions=(), sparse=()):
    """A small model around something odd."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"]), *nodes],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        list(initializer),
        sparse_initializer=list(sparse),
    )
    return helper.make_model(graph, functions=list(functions)).SerializeToString()


def external(path="../../../../etc/passwd", location=True):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    tensor.external_data.add(key="location", value=path)
    if location:
        tensor.data_location = TensorProto.EXTERNAL
    return tensor


def subgraph(tensor, depth=1):
    """A node with a graph in it that holds the tensor, so many levels down."""
    graph = helper.make_graph([], "inner", [], [helper.make_tensor_value_info("w", TensorProto.FLOAT, [2])], [tensor])
    for _ in range(depth):
        node = helper.make_node("If", ["c"], ["o"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([node], "outer", [], [helper.make_tensor_value_info("o", TensorProto.FLOAT, [2])])
    return node


def claims(dims, data_type=TensorProto.FLOAT, **data):
    return TensorProto(name="huge", data_type=data_type, dims=dims, **data)


def sparse():
    return helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(1, np.float32), "v"), numpy_helper.from_array(np.zeros(1, np.int64)), [10**12]
    )


def external_in_a_function():
    node = helper.make_node("Constant", [], ["y"], value=external())
    return helper.make_function("own", "f", [], ["y"], [node], [helper.make_opsetid("", 18)])


REFUSED = {
    "external data": (lambda: model_with(initializer=[external()]), "'w' lie in another file"),
    "external data beside the model": (lambda: model_with(initializer=[external("w.bin")]), "lie in another file"),
    "external data, not declared so": (lambda: model_with(initializer=[external(location=False)]), "another file"),
    "in a constant": (lambda: model_with(nodes=[helper.make_node("Constant", [], ["c"], value=external())]), "another"),
    "in a list of tensors": (
        lambda: model_with(nodes=[helper.make_node("Odd", [], ["c"], tensors=[external()])]),
        "another file",
    ),
    "in a subgraph": (lambda: model_with(nodes=[subgraph(external())]), "another file"),
    "in a function": (lambda: model_with(functions=[external_in_a_function()]), "another file"),
    "a terabyte of nothing": (lambda: model_with(initializer=[claims([10**6, 10**6])]), "claims 1000000 × 1000000"),
    "a terabyte of four bytes": (lambda: model_with(initializer=[claims([2**40], raw_data=b"abcd")]), "claims"),
    "less than it claims": (lambda: model_with(initializer=[claims([3], raw_data=b"abcdefgh")]), "holds 8 bytes"),
    "sides whose product is beyond 64 bits": (lambda: model_with(initializer=[claims([2**62, 2**62])]), "claims"),
    "a negative side": (lambda: model_with(initializer=[claims([-1])]), "a type or shape that there is not"),
    "many sides": (lambda: model_with(initializer=[claims([1] * 1000, raw_data=b"abcd")]), "shape that there is not"),
    "a type that there is not": (lambda: model_with(initializer=[claims([1], data_type=99)]), "type or shape"),
    "sparse": (lambda: model_with(sparse=[sparse()]), "sparse tensors"),
    "sparse in a node": (
        lambda: model_with(nodes=[helper.make_node("Constant", [], ["c"], sparse_value=sparse())]),
        "sparse tensors",
    ),
    "graphs in graphs": (
        lambda: model_with(nodes=[subgraph(numpy_helper.from_array(np.ones(2), "w"), 17)]),
        "more than 16 deep",
    ),
    "no graph": (lambda: onnx.ModelProto(ir_version=8).SerializeToString(), "it has no graph"),
    "nothing": (lambda: b"", "it has no graph"),
    "cut": (lambda: BUNDLED[:-1], "ends too early"),
    "a number without end": (lambda: b"\x08" + b"\xff" * 11, "more than 64 bits"),
    "groups": (lambda: b"\x0b\x0c", "wire type 3"),
    "field 0": (lambda: b"\x02\x00", "field number 0"),
    "a key that 32 bits would turn into the graph's": (
        lambda: bytes([0x3A | 0x80, 0x80, 0x80, 0x80, 0x90, 0x01, 0x00]),
        "field number",
    ),
    "millions of parts": (lambda: b"\x08\x00" * 2_000_001, "more than 2,000,000 parts"),
    "metadata that is no text": (lambda: model_with() + b"\x72\x04\x0a\x02\xff\xfe", "not a usable ONNX model"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_reason(case, tmp_path, monkeypatch):
    make, reason = REFUSED[case]
    (tmp_path / "m.onnx").write_bytes(make())
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: pytest.fail("onnxruntime was given it"))
    with pytest.raises(RecycleNetError, match=reason) as caught:
        Predictor(tmp_path / "m.onnx")
    assert str(caught.value).startswith(str(tmp_path / "m.onnx"))
    assert len(str(caught.value)) < 500


def test_an_enum_that_32_bits_would_turn_into_external():
    tensor = TensorProto(name="w", data_type=1, dims=[1], raw_data=b"abcd").SerializeToString()
    tensor += b"\x70" + bytes([0x81, 0x80, 0x80, 0x80, 0x10])  # data_location = 2**32 + 1
    assert onnx.TensorProto.FromString(tensor).data_location == TensorProto.EXTERNAL
    initializer = b"\x2a" + bytes([len(tensor)]) + tensor
    data = b"\x3a" + bytes([len(initializer)]) + initializer
    with pytest.raises(RecycleNetError, match="another file"):
        read_onnx(data, "m")


@pytest.mark.parametrize("data_type", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 16])
def test_honest_tensors_pass_however_they_are_written(data_type):
    array = np.ones((3, 5), helper.tensor_dtype_to_np_dtype(data_type))
    raw = numpy_helper.from_array(array, "raw")
    spelled = helper.make_tensor("spelled", data_type, array.shape, array.flatten().tolist())
    assert read_onnx(model_with(initializer=[raw, spelled]), "m").outputs == [Slot("y", "tensor(float)", ("N", 2))]


def test_what_the_bundled_model_is_made_of():
    found = read_onnx(BUNDLED, "m")
    session = onnxruntime.InferenceSession(BUNDLED, providers=["CPUExecutionProvider"])
    for ours, theirs in ((found.inputs, session.get_inputs()), (found.outputs, session.get_outputs())):
        assert [(s.name, s.type, list(s.shape)) for s in ours] == [(s.name, s.type, s.shape) for s in theirs]
    assert found.metadata == session.get_modelmeta().custom_metadata_map


def test_inputs_that_have_a_value_in_the_file_are_none():
    """As in old files, whose weights are listed among the inputs."""
    proto = onnx.load_from_string(BUNDLED)
    first = proto.graph.initializer[0]
    proto.graph.input.append(helper.make_tensor_value_info(first.name, first.data_type, first.dims))
    assert [slot.name for slot in read_onnx(proto.SerializeToString(), "m").inputs] == ["images"]


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("recyclenet.predictor.MAX_BYTES", 1000)
    (tmp_path / "m.onnx").write_bytes(bytes(1001))
    with pytest.raises(RecycleNetError, match="1,001 bytes, more than the 1,000"):
        read_model(tmp_path / "m.onnx")
    assert onnx_file.MAX_BYTES == 1_000_000_000


def test_onnxruntimes_own_format_is_not_recognised_in_bytes_that_were_checked_as_onnx(tmp_path):
    """It goes by the letters ORTM at the fifth byte, which an ONNX file can have in a text."""
    body = BUNDLED
    data = b"\x12\x08__ORTM__" + body  # producer_name
    assert data[4:8] == b"ORTM"
    (tmp_path / "m.onnx").write_bytes(data)
    assert Predictor(tmp_path / "m.onnx").classes == Predictor().classes


def as_float16(proto):
    for output in proto.graph.output:
        output.type.tensor_type.elem_type = TensorProto.FLOAT16


def another_rank(proto):
    proto.graph.output[0].type.tensor_type.shape.dim.add(dim_value=1)


def a_fine_map(proto):
    for dim in proto.graph.output[1].type.tensor_type.shape.dim[2:]:
        dim.dim_value = 100_000


def a_sequence(proto):
    proto.graph.output[0].type.CopyFrom(helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, [2])))


@pytest.mark.parametrize("change", [as_float16, another_rank, a_fine_map, a_sequence])
def test_a_wrong_signature_is_refused_by_the_file_alone(change, tmp_path, monkeypatch):
    path = changed_model(tmp_path, change)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: pytest.fail("onnxruntime was given it"))
    with pytest.raises(RecycleNetError, match=r"expected images \(N, 3, \d+, \d+\) → logits \(N, 6\).*all float32"):
        Predictor(path)


def other_shape_in_truth(proto):
    """Declared as it should be, but repeated by a number that only running it tells."""
    nodes = proto.graph.node
    for node in nodes:
        for names in (node.input, node.output):
            names[:] = ["inner" if name == "logits" else name for name in names]
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1, 2], np.int64), "once"))
    nodes.append(helper.make_node("ReduceMax", ["images"], ["top"], keepdims=0))
    nodes.append(helper.make_node("Cast", ["top"], ["whole"], to=TensorProto.INT64))
    nodes.append(helper.make_node("Mul", ["whole", "nothing"], ["zero"]))
    proto.graph.initializer.append(numpy_helper.from_array(np.array(0, np.int64), "nothing"))
    nodes.append(helper.make_node("Add", ["once", "zero"], ["times"]))
    nodes.append(helper.make_node("Tile", ["inner", "times"], ["logits"]))


def no_number(proto):
    tensor = next(tensor for tensor in proto.graph.initializer if tensor.data_type == TensorProto.FLOAT)
    tensor.CopyFrom(numpy_helper.from_array(np.full(tuple(tensor.dims), np.nan, np.float32), tensor.name))


@pytest.mark.parametrize(
    ("change", "message"), [(other_shape_in_truth, r"with logits \(1, 12\)"), (no_number, "is no number")]
)
def test_answers_that_are_none_are_refused(change, message, tmp_path):
    predictor = Predictor(changed_model(tmp_path, change))
    side = predictor.preprocess.img_size
    with pytest.raises(RecycleNetError, match=message):
        predictor.run(np.zeros((1, 3, side, side), np.float32))


@settings(max_examples=200, deadline=2000)
@given(st.data())
def test_damage_of_any_kind_ends_in_one_error_or_none(data):
    """Bytes of a small model changed, cut out and put in: read in time, or refused in words."""
    model = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(model) - 1))
        model[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with suppress(RecycleNetError):
        read_onnx(bytes(model), "m")


SMALL = model_with(
    initializer=[numpy_helper.from_array(np.ones((2, 3), np.float32), "w"), helper.make_tensor("v", 7, [2], [1, 2])],
    nodes=[subgraph(numpy_helper.from_array(np.ones(2, np.float32), "w"))],
)
