"""The linear head inside an exported graph: read out, and put back in with other weights or more classes.

An export uses the head twice: a linear layer makes `logits` of `features`, and a 1×1 convolution makes `cam` of the
maps that `features` are the mean of. Both get the same numbers, so that an evidence map's mean stays the logit.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.errors import RecycleNetError

_WEIGHT, _BIAS = 1, 2  # places among a layer's inputs


@dataclass(frozen=True)
class Head:
    """logits = features · weightᵀ + bias.

    Attributes:
        weight: (K, C) float32.
        bias: (K,) float32.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, K) from features (n, C)."""
        return np.asarray(features @ self.weight.T + self.bias, dtype=np.float32)


def open_graph(data: bytes, name: str) -> onnx.ModelProto:
    """A model file's bytes as a graph; `name` is what errors call it.

    Raises:
        RecycleNetError: not an ONNX model.
    """
    try:
        return onnx.load_from_string(data)
    except Exception as error:  # protobuf's own type, which comes without annotations
        raise RecycleNetError(f"{name} is not a usable ONNX model: {error}") from error


def read_head(model: onnx.ModelProto, name: str) -> Head:
    """The head of an exported model, 8-bit weights as the floats that they stand for.

    Raises:
        RecycleNetError: the graph does not end as `recyclenet export` makes it; `name` is what the error calls it.
    """
    linear, convolution = _head_nodes(model, name)
    weight, bias = (_constant(model, linear, place, name) for place in (_WEIGHT, _BIAS))
    kernel = _constant(model, convolution, _WEIGHT, name)
    if weight.ndim != 2 or kernel.shape != (*weight.shape, 1, 1) or bias.shape != weight.shape[:1]:
        raise RecycleNetError(
            f"{name}: expected a linear layer (K, C) and a convolution (K, C, 1, 1), found {weight.shape} and "
            f"{kernel.shape}: export the checkpoint again"
        )
    return Head(weight, bias)


def write_head(model: onnx.ModelProto, head: Head, description: ModelDescription, name: str) -> bytes:
    """The model's bytes with this head, in floats, and this description; everything before the head is untouched.

    Args:
        model: as exported; stays as it is.
        head: of as many classes as the description has.
        description: replaces the one in the file.
        name: what errors call the model.

    Raises:
        RecycleNetError: as `read_head`.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    linear, convolution = _head_nodes(changed, name)
    kernel = np.ascontiguousarray(head.weight[:, :, None, None])
    made: dict[str, NDArray[np.float32]] = {}
    for node, weight in ((linear, head.weight), (convolution, kernel)):
        for place, value in ((_WEIGHT, weight), (_BIAS, head.bias)):
            node.input[place] = f"adapted_{node.output[0]}_{('', 'weight', 'bias')[place]}"
            made[node.input[place]] = value
    for output in changed.graph.output:
        if output.name in ("logits", "cam"):
            output.type.tensor_type.shape.dim[1].dim_value = len(head.bias)
    _drop_unread(changed.graph, set(made))
    changed.graph.initializer.extend(
        numpy_helper.from_array(value.astype(np.float32), stored) for stored, value in made.items()
    )
    entries = {item.key: item.value for item in changed.metadata_props} | {METADATA_KEY: description.to_json()}
    onnx.helper.set_model_props(changed, entries)
    onnx.checker.check_model(changed)
    return bytes(changed.SerializeToString(deterministic=True))


def _head_nodes(model: onnx.ModelProto, name: str) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    """The linear layer that gives `logits` and the convolution that gives `cam`."""
    makers = {output: node for node in model.graph.node for output in node.output}
    if "features" not in makers:
        raise RecycleNetError(f"{name} gives no features: export the checkpoint again with this version")
    linear, convolution = makers.get("logits"), makers.get("cam")
    if linear is None or convolution is None or not _is_head(linear, convolution):
        raise RecycleNetError(f"{name}: its head is not laid out as 'recyclenet export' does: export it again")
    return linear, convolution


def _is_head(linear: onnx.NodeProto, convolution: onnx.NodeProto) -> bool:
    return (
        (linear.op_type, convolution.op_type) == ("Gemm", "Conv")
        and len(linear.input) == len(convolution.input) == 3
        and linear.input[0] == "features"
        and {item.name: item.i for item in linear.attribute}.get("transB") == 1
    )


def _constant(model: onnx.ModelProto, node: onnx.NodeProto, place: int, name: str) -> NDArray[np.float32]:
    """A layer's parameter, float32, through the steps that 8-bit files put before it."""
    values = {item.name: item for item in model.graph.initializer}
    source = node.input[place]
    if source in values:
        return np.asarray(numpy_helper.to_array(values[source]), dtype=np.float32)
    inputs = _behind(source, {output: item for item in model.graph.node for output in item.output})
    found = [numpy_helper.to_array(values[item]) for item in inputs if item in values]
    if not 2 <= len(found) == len(inputs) <= 3:
        raise RecycleNetError(f"{name}: its head's weights are not in the file as numbers: export it again")
    integers, scale, *zero = found
    rows = (-1, *[1] * (integers.ndim - 1))  # one scale for each class
    if scale.shape not in ((), (1,), (len(integers),), integers.shape[:1] + (1,) * (integers.ndim - 1)):
        raise RecycleNetError(f"{name}: its head's weights have scales {scale.shape}: export it again")
    offset = zero[0].astype(np.float32).reshape(rows) if zero else np.float32(0)
    return np.asarray((integers.astype(np.float32) - offset) * scale.reshape(rows), dtype=np.float32)


def _behind(source: str, makers: dict[str, onnx.NodeProto]) -> tuple[str, ...]:
    """Integers, scale and perhaps zero point that a parameter is made of; nothing where it is made otherwise."""
    maker = makers.get(source)
    if maker is None:
        return ()
    if maker.op_type == "DequantizeLinear":  # as files were written before
        return tuple(maker.input)
    cast = makers.get(maker.input[0]) if maker.op_type == "Mul" else None
    return (cast.input[0], maker.input[1]) if cast is not None and cast.op_type == "Cast" else ()


def _drop_unread(graph: onnx.GraphProto, replaced: Collection[str]) -> None:
    """Removes what only the old head read: its constants, and the steps that made floats of them.

    Constants named in `replaced` go too: a model that was adapted before has some of the same names.
    """
    wanted = {item.name for item in graph.output}
    kept_nodes = []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            kept_nodes.append(node)
            wanted.update(node.input)
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(kept_nodes)]
    constants = [
        onnx.TensorProto.FromString(item.SerializeToString())
        for item in graph.initializer
        if item.name in wanted - set(replaced)
    ]
    known = [
        onnx.ValueInfoProto.FromString(item.SerializeToString())
        for item in graph.value_info
        if item.name in {output for node in nodes for output in node.output}
    ]
    for field, items in ((graph.node, nodes), (graph.initializer, constants), (graph.value_info, known)):
        del field[:]
        field.extend(items)
