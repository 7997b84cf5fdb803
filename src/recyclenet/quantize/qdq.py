"""The int8 model as a file: 8-bit weights, and every map that stands in 8 bits between a pair of (de)quantizers."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from recyclenet.quantize.calibration import LEVELS, affine
from recyclenet.quantize.layers import ACTIVATIONS, Layer, bias_of, initializers, quantized_maps
from recyclenet.quantize.rounding import Rounded

_BIAS_STEPS = 2**30  # a bias must fit into int32 beside the sum that it is added to


def write_int8(
    model: onnx.ModelProto,
    layers: Sequence[Layer],
    ranges: Mapping[str, tuple[float, float]],
    weights: Mapping[str, Rounded],
    kept: Collection[str] = (),
) -> onnx.ModelProto:
    """The model with its layers in 8 bits; inputs, outputs and metadata stay as they are.

    Args:
        model: as exported.
        layers: of the model.
        ranges: of every map that will stand in 8 bits.
        weights: of every layer that is not kept, by the layer's name.
        kept: names of layers that stay as they are.
    """
    small = onnx.ModelProto()
    small.CopyFrom(model)
    # Shapes that the exporter noted for tensors inside are of no use any more.
    del small.graph.value_info[:]
    writer = _Writer(small)
    maps = {name: affine(ranges[name]) for name in quantized_maps(layers, kept)}
    for layer in layers:
        node = writer.node(layer.node)
        if layer.name in kept:
            if layer.compute == "int8":
                writer.shield(node, bias_of(model, layer))
            continue
        rounded = weights[layer.name]
        if layer.compute == "weights":
            writer.store_small(node, rounded.integers, rounded.scale)
        else:
            writer.replace_parameters(node, rounded, maps[layer.source][0])
    for name, (scale, zero) in maps.items():
        writer.quantize_map(name, scale, zero)
    return writer.finish()


class _Writer:
    """Edits one graph: nodes are rewired, new ones stand right before their first reader."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._nodes = {node.name: node for node in model.graph.node}
        self._before: list[onnx.NodeProto] = []
        self._after: dict[str, list[onnx.NodeProto]] = {}
        self._gone: set[str] = set()

    def node(self, name: str) -> onnx.NodeProto:
        found: onnx.NodeProto = self._nodes[name]
        return found

    def store_small(self, node: onnx.NodeProto, integers: NDArray[np.int8], scale: NDArray[np.float32]) -> None:
        """A layer computed in floats: its weights are made of the 8-bit ones once, when the file is loaded.

        onnxruntime folds a Cast and a Mul of constants; a DequantizeLinear it would compute anew for each photo.
        """
        name = f"{node.name}_weight"
        stored, scales, floats = f"{name}_quantized", f"{name}_scale", f"{name}_floats"
        self._constant(stored, integers)
        self._constant(scales, scale.reshape(-1, *[1] * (integers.ndim - 1)))
        self._before += [
            helper.make_node("Cast", [stored], [floats], name=floats, to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [floats, scales], [f"{name}_scaled"], name=f"{name}_scaled"),
        ]
        node.input[1] = f"{name}_scaled"

    def replace_parameters(self, node: onnx.NodeProto, rounded: Rounded, source_scale: float) -> None:
        # Rows of (all but) zeros would have no scale to count their bias in.
        smallest = np.abs(rounded.bias) / (source_scale * _BIAS_STEPS)
        scale = np.maximum(rounded.scale, smallest).astype(np.float32)
        integers = np.clip(
            np.round(rounded.floats() / scale.reshape(-1, *[1] * (rounded.integers.ndim - 1))), -127, 127
        )
        self._dequantize(node, 1, integers.astype(np.int8), scale, np.zeros(len(scale), np.int8))
        self._bias(node, rounded.bias, (np.float32(source_scale) * scale).astype(np.float32))

    def shield(self, node: onnx.NodeProto, bias: NDArray[np.float32]) -> None:
        """Keeps a float layer between 8-bit maps a float layer.

        onnxruntime (WeightBiasQuantization) silently rounds its weights to 8 bits, all channels in one scale, where
        its bias is a plain constant; as 32-bit integers with a scale the bias is as exact and the layer left alone.
        """
        largest = np.maximum(np.abs(bias), 1e-12)
        self._bias(node, bias, (largest / _BIAS_STEPS).astype(np.float32))

    def quantize_map(self, name: str, scale: float, zero: int) -> None:
        """From here on everything but the model's own outputs reads the map in 8 bits."""
        suffixes = ("scale", "zero_point", "quantized", "dequantized")
        scale_name, zero_name, quantized, dequantized = (f"{name}_{suffix}" for suffix in suffixes)
        self._constant(scale_name, np.array(scale, np.float32))
        self._constant(zero_name, np.array(zero, np.uint8))
        producer = next((item for item in self._nodes.values() if name in item.output), None)
        read = name
        if producer is not None and self._saturates_alike(producer, scale, zero):
            self._gone.add(producer.name)
            read = producer.input[0]
            producer = next(item for item in self._nodes.values() if read in item.output)
        for node in self._nodes.values():
            for place, given in enumerate(node.input):
                if given == name:
                    node.input[place] = dequantized
        pair = [
            helper.make_node("QuantizeLinear", [read, scale_name, zero_name], [quantized], name=f"{name}_quantize"),
            helper.make_node(
                "DequantizeLinear", [quantized, scale_name, zero_name], [dequantized], name=f"{name}_dequantize"
            ),
        ]
        if producer is None:
            self._before += pair
        else:
            self._after.setdefault(producer.name, []).extend(pair)

    def finish(self) -> onnx.ModelProto:
        graph = self._model.graph
        ordered = list(self._before)
        for node in graph.node:
            if node.name not in self._gone:
                ordered.append(node)
            ordered += self._after.get(node.name, [])
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
        del graph.node[:]
        graph.node.extend(copies)
        used = {name for node in copies for name in node.input}
        constants = [item for item in graph.initializer if item.name in used]
        kept = [onnx.TensorProto.FromString(item.SerializeToString()) for item in constants]
        del graph.initializer[:]
        graph.initializer.extend(kept)
        onnx.checker.check_model(self._model)
        return self._model

    def _saturates_alike(self, node: onnx.NodeProto, scale: float, zero: int) -> bool:
        """Whether an activation does nothing that the 8-bit map's ends do not do too."""
        if node.op_type not in ACTIVATIONS or node.output[0] in {item.name for item in self._model.graph.output}:
            return False
        if node.op_type == "Relu":
            return zero == 0
        constants = initializers(self._model)
        low, high = (
            float(numpy_helper.to_array(constants[name])) if name else default
            for name, default in zip((*node.input[1:], "", "")[:2], (-np.inf, np.inf), strict=True)
        )
        return zero == 0 and low == 0 and scale * LEVELS <= high * (1 + 1e-6)

    def _bias(self, node: onnx.NodeProto, bias: NDArray[np.float32], scale: NDArray[np.float32]) -> None:
        if len(node.input) < 3:
            node.input.append("")
        integers = np.round(bias.astype(np.float64) / scale).astype(np.int32)
        self._dequantize(node, 2, integers, scale, None)

    def _dequantize(
        self,
        node: onnx.NodeProto,
        place: int,
        integers: NDArray[np.signedinteger],
        scale: NDArray[np.float32],
        zero: NDArray[np.int8] | None,
    ) -> None:
        """Replaces a parameter by integers times a scale for each of its rows."""
        name = f"{node.name}_{('', 'weight', 'bias')[place]}"
        inputs = [f"{name}_quantized", f"{name}_scale"]
        self._constant(inputs[0], integers)
        self._constant(inputs[1], scale)
        if zero is not None:
            inputs.append(f"{name}_zero_point")
            self._constant(inputs[2], zero)
        self._before.append(
            helper.make_node("DequantizeLinear", inputs, [f"{name}_dequantized"], name=f"{name}_dequantize", axis=0)
        )
        node.input[place] = f"{name}_dequantized"

    def _constant(self, name: str, value: NDArray[np.generic]) -> None:
        self._model.graph.initializer.append(numpy_helper.from_array(value, name))
