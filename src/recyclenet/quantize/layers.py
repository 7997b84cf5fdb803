"""The layers of an exported graph that have weights to quantize, and how each may be computed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from recyclenet.errors import RecycleNetError

ACTIVATIONS = ("Clip", "Relu")
"""What int8 arithmetic does by the way, where it saturates."""

Compute = Literal["int8", "weights"]


@dataclass(frozen=True)
class Layer:
    """One convolution or linear layer.

    Attributes:
        name: of its weight, as in a checkpoint; of a weight that is used in another shape, the exporter's.
        node: of the graph.
        weight, bias: names of its parameters in the graph; bias "" where it has none.
        source: the tensor that it reads.
        output: the tensor that it gives, after a Clip or Relu that alone follows it.
        compute: "int8": in integers from and to 8-bit maps; "weights": in floats, weights stored in 8 bits.
        size: number of weights.
    """

    name: str
    node: str
    weight: str
    bias: str
    source: str
    output: str
    compute: Compute
    size: int


def find_layers(model: onnx.ModelProto) -> list[Layer]:
    """All layers in the order of computation.

    Convolutions are computed in integers, except those that end in a gate (Sigmoid), one after the other where it has
    several, or in an output of the model: they and the linear layers are few operations and many consequences, so that
    only their weights are stored small.

    Raises:
        RecycleNetError: none there, or a linear layer laid out in another way than `recyclenet export` does.
    """
    values = initializers(model)
    outputs = {item.name for item in model.graph.output}
    consumers = consumers_of(model)
    layers = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm") or node.input[1] not in values or _only_moves(values[node.input[1]]):
            continue
        if node.op_type == "Gemm" and [a.i for a in node.attribute if a.name == "transB"] != [1]:
            raise RecycleNetError(f"the layer {node.name} is not laid out as 'recyclenet export' does: export it again")
        output = node.output[0]
        following = consumers.get(output, [])
        if len(following) == 1 and following[0].op_type in ACTIVATIONS and output not in outputs:
            output = following[0].output[0]
            following = consumers.get(output, [])
        ends = output in outputs or _leads_to_a_gate(following, consumers)
        layers.append(
            Layer(
                name=node.input[1].removeprefix("model.").removesuffix(".weight"),
                node=node.name,
                weight=node.input[1],
                bias=node.input[2] if len(node.input) > 2 else "",
                source=node.input[0],
                output=output,
                compute="weights" if ends or node.op_type == "Gemm" else "int8",
                size=int(np.prod(values[node.input[1]].dims)),
            )
        )
    shared = [name for name, count in Counter(layer.weight for layer in layers).items() if count > 1]
    if not layers or shared:
        raise RecycleNetError(f"nothing to quantize: expected a network with layers of their own weights, not {shared}")
    return layers


def _only_moves(weight: onnx.TensorProto) -> bool:
    """Whether a convolution adds up maps after moving each to a place of its own: of that there is nothing to round.

    Such a weight has no number of its own and may be that of several gates.
    """
    if len(weight.dims) != 4 or weight.dims[0] != 1 or weight.dims[1] != weight.dims[2] * weight.dims[3]:
        return False
    rows = numpy_helper.to_array(weight).reshape(weight.dims[1], -1)
    return bool((rows == np.eye(len(rows))).all())


def _leads_to_a_gate(following: list[onnx.NodeProto], consumers: dict[str, list[onnx.NodeProto]]) -> bool:
    """Whether a tensor that these nodes read goes into a Sigmoid alone, or through convolutions into one alone."""
    if len(following) == 1 and following[0].op_type == "Conv":
        return _leads_to_a_gate(consumers.get(following[0].output[0], []), consumers)
    return {item.op_type for item in following} == {"Sigmoid"}


def initializers(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """The graph's constants by name."""
    return {item.name: item for item in model.graph.initializer}


def consumers_of(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """The nodes that read each tensor."""
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in dict.fromkeys(node.input):
            found.setdefault(name, []).append(node)
    return found


def weight_of(model: onnx.ModelProto, layer: Layer) -> NDArray[np.float32]:
    """The layer's weight, (C_out, …) float32."""
    return np.asarray(numpy_helper.to_array(initializers(model)[layer.weight]), dtype=np.float32)


def bias_of(model: onnx.ModelProto, layer: Layer) -> NDArray[np.float32]:
    """The layer's bias, (C_out,) float32; zeros where it has none."""
    values = initializers(model)
    if not layer.bias:
        return np.zeros(values[layer.weight].dims[0], dtype=np.float32)
    return np.asarray(numpy_helper.to_array(values[layer.bias]), dtype=np.float32)


def quantized_maps(layers: Iterable[Layer], kept: Iterable[str]) -> list[str]:
    """Names of the maps that stand in 8 bits: all that layers computed in integers read and give."""
    floats = set(kept)
    maps: dict[str, None] = {}
    for layer in layers:
        if layer.compute == "int8" and layer.name not in floats:
            maps |= dict.fromkeys((layer.source, layer.output))
    return list(maps)
