"""What a float model's maps look like on photos: their ranges, and how the inputs of each layer go together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from recyclenet.data.splits import PhotoRecord
from recyclenet.photo import load_photo
from recyclenet.predictor import open_session
from recyclenet.preprocess import PreprocessSpec
from recyclenet.quantize.layers import Layer, initializers

Method = Literal["mse", "minmax", "percentile"]
Images = NDArray[np.float32]
Progress = Callable[[int, int], None]

METHODS: tuple[Method, ...] = ("mse", "minmax", "percentile")
LEVELS = 255
_BATCH = 8
_VALUES = 1024  # of each map of each photo, for histograms
_PLACES = 32  # of each map of each photo, for covariances
_LARGEST_KERNEL = 1536  # weights of a row; beyond, a covariance costs more than it gives
_BINS = 2048
_PERCENTILE = 99.99
_CUTS = np.linspace(0.4, 1.0, 31)


@dataclass(frozen=True)
class Inputs:
    """What meets a layer's weights: mean (groups, n) and covariance (groups, n, n)."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Ranges (low, high) of maps by name, 0 always inside; inputs of layers by name."""

    ranges: dict[str, tuple[float, float]]
    inputs: dict[str, Inputs]


def choose_photos(records: Sequence[PhotoRecord], count: int, seed: int) -> list[PhotoRecord]:
    """`count` photos, as many of each class as there are, the same for everybody with the same seed.

    Two choices with the same seed overlap from the start: the first photos of a longer list are the shorter list.
    """
    generator = np.random.default_rng(seed)
    left: dict[str, list[PhotoRecord]] = {}
    for record in sorted(records):
        left.setdefault(record.label, []).append(record)
    queues = [[queue[i] for i in generator.permutation(len(queue))] for _, queue in sorted(left.items())]
    turns = [queue[i] for i in range(max(map(len, queues))) for queue in queues if i < len(queue)]
    return turns[:count]


def load_images(root: Path, records: Sequence[PhotoRecord], preprocess: PreprocessSpec) -> Images:
    """(n, 3, H, W), normalised."""
    return np.stack([preprocess(load_photo(root / item.path, min_side=preprocess.resize)) for item in records])


def calibrate(
    model: onnx.ModelProto,
    layers: Sequence[Layer],
    images: Images,
    method: Method = "mse",
    seed: int = 0,
    on_progress: Progress | None = None,
) -> Calibration:
    """Runs a float model over photos and looks at everything that would stand in 8 bits.

    Args:
        model: as exported.
        layers: of the model.
        images: (n, 3, H, W), normalised.
        method: how a range is cut: "mse" where the mean squared error of 8-bit values is least, "percentile" at
            99.99 % of the values, "minmax" not at all.
        seed: of the places looked at.
        on_progress: told (photos done, photos in all).
    """
    integer = [layer for layer in layers if layer.compute == "int8"]
    names = list(dict.fromkeys(name for layer in integer for name in (layer.source, layer.output)))
    generator = np.random.default_rng(seed)
    values: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    bounds: dict[str, tuple[float, float]] = {}
    patches: dict[str, list[NDArray[np.float32]]] = {}
    geometry = {layer.name: _geometry(model, layer) for layer in integer}
    for done, maps in _maps(model, names, images):
        for name in names:
            tensor = maps[name]
            low, high = bounds.get(name, (0.0, 0.0))
            bounds[name] = (min(low, float(tensor.min())), max(high, float(tensor.max())))
            flat = tensor.reshape(len(tensor), -1)
            values[name].append(flat[:, generator.integers(0, flat.shape[1], _VALUES)].ravel())
        for layer in integer:
            if geometry[layer.name].row <= _LARGEST_KERNEL:
                patches.setdefault(layer.name, []).append(_patches(maps[layer.source], geometry[layer.name], generator))
        if on_progress is not None:
            on_progress(done, len(images))
    ranges = {name: _cut(bounds[name], np.concatenate(values[name]), method) for name in names}
    return Calibration(ranges, {name: _inputs(np.concatenate(parts)) for name, parts in patches.items()})


@dataclass(frozen=True)
class _Geometry:
    """A convolution's kernel (height, width), strides, paddings (top, left, bottom, right), groups, weights a row."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    groups: int
    row: int


def _geometry(model: onnx.ModelProto, layer: Layer) -> _Geometry:
    (node,) = (item for item in model.graph.node if item.name == layer.node)
    given: dict[str, Any] = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    shape = initializers(model)[layer.weight].dims
    return _Geometry(
        (shape[2], shape[3]),
        tuple(given.get("strides", (1, 1))),
        tuple(given.get("dilations", (1, 1))),
        tuple(given.get("pads", (0, 0, 0, 0))),
        given.get("group", 1),
        int(np.prod(shape[1:])),
    )


def _maps(
    model: onnx.ModelProto, names: Sequence[str], images: Images
) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
    """(photos done, tensors by name), batch by batch."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    inside = [name for name in names if name != "images"]
    known = {item.name for item in model.graph.output}
    watched.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in inside if name not in known)
    session = open_session(watched.SerializeToString(), "the float model")
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        yield (
            start + len(batch),
            {"images": batch, **dict(zip(inside, session.run(inside, {"images": batch}), strict=True))},
        )


def _patches(maps: NDArray[np.float32], of: _Geometry, generator: np.random.Generator) -> NDArray[np.float32]:
    """Maps (N, C, H, W) → what meets the weights at some places, (places, groups, weights a row)."""
    top, left, bottom, right = of.pads
    padded = np.pad(maps, ((0, 0), (0, 0), (top, bottom), (left, right)))
    reach = [(side - 1) * step + 1 for side, step in zip(of.kernel, of.dilations, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(2, 3))  # (N, C, h, w, kh, kw)
    windows = windows[:, :, :: of.strides[0], :: of.strides[1], :: of.dilations[0], :: of.dilations[1]]
    rows, columns = (generator.integers(0, side, (len(maps), _PLACES)) for side in windows.shape[2:4])
    taken = windows[np.arange(len(maps))[:, None], :, rows, columns]  # (N, places, C, kh, kw)
    return np.ascontiguousarray(taken).reshape(len(maps) * _PLACES, of.groups, -1)


def _inputs(patches: NDArray[np.float32]) -> Inputs:
    by_group = patches.transpose(1, 0, 2).astype(np.float64)  # (groups, places, n)
    mean = by_group.mean(axis=1)
    centred = by_group - mean[:, None]
    return Inputs(mean, centred.transpose(0, 2, 1) @ centred / centred.shape[1])


def _cut(bounds: tuple[float, float], values: NDArray[np.float32], method: Method) -> tuple[float, float]:
    low, high = bounds
    if method == "minmax" or low == high:
        return bounds
    if method == "percentile":
        rest = 100 - _PERCENTILE
        return max(low, min(0.0, float(np.percentile(values, rest)))), min(
            high, max(0.0, float(np.percentile(values, _PERCENTILE)))
        )
    counts, edges = np.histogram(values, bins=_BINS, range=bounds)
    centres = (edges[1:] + edges[:-1]) / 2
    best, chosen = np.inf, bounds
    for below in _CUTS if low < 0 else (1.0,):
        for above in _CUTS if high > 0 else (1.0,):
            scale, zero = affine((low * below, high * above))
            levels = np.clip(np.round(centres / scale) + zero, 0, LEVELS)
            loss = float((counts * ((levels - zero) * scale - centres) ** 2).sum())
            if loss < best:
                best, chosen = loss, (float(low * below), float(high * above))
    return chosen


def affine(bounds: tuple[float, float]) -> tuple[float, int]:
    """(scale, zero point) of unsigned 8-bit values that reach from low to high; 0 is one of them."""
    low, high = min(0.0, bounds[0]), max(0.0, bounds[1])
    scale = (high - low) / LEVELS or 1.0
    return scale, round(-low / scale)
