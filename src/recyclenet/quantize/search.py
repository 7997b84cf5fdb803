"""Which layers suffer from 8 bits: each by itself, and the fewest that must stay in floats for the gate to open."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from recyclenet.predictor import open_session
from recyclenet.quantize.calibration import Calibration, Images, Progress
from recyclenet.quantize.layers import Layer, bias_of, weight_of
from recyclenet.quantize.qdq import write_int8
from recyclenet.quantize.rounding import Rounded, round_nearest, round_together

_BATCH = 16
_FLOAT_BYTES = 3  # that a weight in float32 takes more than one in int8


@dataclass(frozen=True)
class Sensitivity:
    """How much the logits change (root mean square) when one layer alone stands in 8 bits; its number of weights."""

    layer: str
    error: float
    size: int


class Candidate:
    """A float model with all that is needed to make any of its layers small.

    Args:
        model: as exported.
        layers: of the model.
        calibration: of the model.
    """

    def __init__(self, model: onnx.ModelProto, layers: Sequence[Layer], calibration: Calibration) -> None:
        self.model, self.layers, self._calibration = model, tuple(layers), calibration
        self._weights = {layer.name: self._round(layer) for layer in layers}

    def small(self, kept: Collection[str] = ()) -> bytes:
        """The int8 file in which the layers named stay in floats."""
        written = write_int8(self.model, self.layers, self._calibration.ranges, self._weights, kept)
        return bytes(written.SerializeToString(deterministic=True))

    def _round(self, layer: Layer) -> Rounded:
        weight, bias = weight_of(self.model, layer), bias_of(self.model, layer)
        inputs = self._calibration.inputs.get(layer.name)
        # Layers whose weights alone are small keep the same rounding wherever the same weights stand twice (the
        # head for logits and for evidence maps), so that one stays the mean of the other.
        if inputs is None:
            return round_nearest(weight, bias)
        return round_together(weight, bias, inputs.mean, inputs.covariance)


def measure_each(candidate: Candidate, images: Images, on_progress: Progress | None = None) -> list[Sensitivity]:
    """Every layer alone in 8 bits, the most sensitive first.

    Args:
        candidate: the model.
        images: (n, 3, H, W), normalised; best others than those of the calibration.
        on_progress: told (layers done, layers in all).
    """
    wanted = _logits(candidate.model.SerializeToString(), images)
    names = [layer.name for layer in candidate.layers]
    found = []
    for done, layer in enumerate(candidate.layers, start=1):
        alone = candidate.small([name for name in names if name != layer.name])
        error = float(np.sqrt(np.mean((_logits(alone, images) - wanted) ** 2)))
        found.append(Sensitivity(layer.name, error, layer.size))
        if on_progress is not None:
            on_progress(done, len(names))
    # NaN is the worst of all.
    return sorted(found, key=lambda item: (-np.nan_to_num(item.error, nan=np.inf), item.layer))


def keep_until(
    candidate: Candidate,
    ranking: Sequence[Sensitivity],
    passes: Callable[[tuple[str, ...], bytes], bool],
    largest: int,
    most: int,
) -> tuple[str, ...] | None:
    """Keeps the most sensitive layers in floats, one more at a time, until the result passes; None if none does.

    Args:
        candidate: the model.
        ranking: its layers, the first to be kept first.
        passes: told the layers kept and the file; whether it will do.
        largest: size of the file in bytes that may not be exceeded; layers too large for it are left small.
        most: layers to keep.
    """
    kept: tuple[str, ...] = ()
    size = len(candidate.small())
    for item in ranking:
        if len(kept) == most:
            return None
        if size + _FLOAT_BYTES * item.size > largest:
            continue
        kept = (*kept, item.layer)
        file = candidate.small(kept)
        size = len(file)
        if size <= largest and passes(kept, file):
            return kept
    return None


def _logits(model: bytes, images: Images) -> Images:
    session = open_session(model, "the quantized model")
    parts = [
        session.run(["logits"], {"images": images[start : start + _BATCH]})[0]
        for start in range(0, len(images), _BATCH)
    ]
    return np.concatenate(parts)
