"""A checkpoint as one ONNX file that answers without torch, compared with the original before it is kept."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import onnxscript.optimizer
import torch
from torch import Tensor, nn

from recyclenet.atomic import replace_file
from recyclenet.checkpoint import load_classifier
from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.errors import RecycleNetError, first_line
from recyclenet.models.classifier import Classifier
from recyclenet.predictor import AnyPhoto, Predictor

TOLERANCE = 1e-4
"""Largest difference between exported and original outputs that an export may have.

Absolute for logits; for evidence maps, whose single values are far larger than their mean, relative to the
largest one (but at least 1).
"""

_MOST_FOLDED = 2**26  # numbers in one weight


@dataclass(frozen=True)
class ExportReport:
    """What was written, and its largest differences (see TOLERANCE) over `photos` photos."""

    path: str
    size: int
    photos: int
    logits_difference: float
    cam_difference: float


class _AllOutputs(nn.Module):
    """The forward pass that is exported: logits, evidence maps and pooled features."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.model.forward_outputs(images)


def export(
    checkpoint: str | Path, out: str | Path, photos: Sequence[AnyPhoto], *, view: tuple[int, int] | None = None
) -> ExportReport:
    """Writes `out` with input `images` (N, 3, H, W), outputs `logits` (N, K), `cam` (N, K, h, w), `features` (N, C).

    N is free.

    Args:
        checkpoint: a checkpoint, this project's or the original's.
        out: ends in .onnx; weights and description are inside.
        photos: on which both are compared, one at a time and all at once.
        view: img_size and resize of the exported model's preprocessing, where it shall see other views than the
            checkpoint says; its calibration is dropped then, as it was fitted on those.

    Raises:
        PhotoError: a photo cannot be used.
        RecycleNetError: unreadable checkpoint, an operator that ONNX lacks, or outputs that differ by more
            than TOLERANCE; then nothing is written.
    """
    if not photos:
        raise RecycleNetError("an export needs at least one photo to be compared on")
    if Path(out).suffix != ".onnx":
        raise RecycleNetError(f"the exported file must end in .onnx, not {Path(out).name!r}")
    model, description = load_classifier(checkpoint)
    if view is not None:
        img_size, resize = view
        spec = replace(description.preprocess, img_size=img_size, resize=resize)
        description = replace(description, preprocess=spec, metrics={}, calibration=None)
    with replace_file(out) as temporary:
        _write(model, description, temporary)
        logits, cam = _differences(model, Predictor(temporary), photos)
        if not (logits <= TOLERANCE and cam <= TOLERANCE):  # NaN fails too
            raise RecycleNetError(
                f"the exported model differs from {checkpoint} by {max(logits, cam):.2g}, more than {TOLERANCE:g}: "
                "nothing was written"
            )
        size = temporary.stat().st_size
    return ExportReport(str(out), size, len(photos), logits, cam)


def _write(model: Classifier, description: ModelDescription, path: Path) -> None:
    side = description.preprocess.img_size
    with _quiet():
        try:
            program = torch.onnx.export(
                _AllOutputs(model).eval(),
                (torch.zeros(2, 3, side, side),),
                dynamo=True,
                input_names=["images"],
                output_names=["logits", "cam", "features"],
                dynamic_shapes={"images": {0: torch.export.Dim("N")}},
                external_data=False,
            )
            whole = cast(torch.onnx.ONNXProgram, program)
            # Weights in the shape in which they are used: the exporter leaves that to be computed for large ones.
            onnxscript.optimizer.optimize(whole.model, input_size_limit=_MOST_FOLDED, output_size_limit=_MOST_FOLDED)
        # The exporter wraps failures of its many passes in many types.
        except Exception as error:
            reason = first_line(error, 200)
            raise RecycleNetError(f"{description.model.arch} cannot be exported: {reason}") from error
    proto = whole.model_proto
    _forget_origin(proto)
    onnx.helper.set_model_props(proto, {METADATA_KEY: description.to_json()})
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString())


def _forget_origin(proto: onnx.ModelProto) -> None:
    """Removes the exporter's notes on where each node came from: they hold file paths of this machine."""
    graph = proto.graph
    for item in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer, graph):
        del item.metadata_props[:]
        item.doc_string = ""


def _differences(model: Classifier, exported: Predictor, photos: Sequence[AnyPhoto]) -> tuple[float, float]:
    """Largest differences in logits and in evidence, over single photos and one batch of all.

    Features need no comparison of their own: the logits are linear in them.
    """
    images = np.stack([exported.preprocess.normalize(exported.view(photo)) for photo in photos])
    with torch.inference_mode():
        logits, cam = (output.numpy() for output in model.forward_evidence(torch.from_numpy(images)))
    single = [exported.run(image[None]) for image in images]
    batch = exported.run(images)
    cam_scale = max(1.0, float(np.abs(cam).max()))
    return (
        max(_gap(logits, np.concatenate([part[0] for part in single])), _gap(logits, batch[0])),
        max(_gap(cam, np.concatenate([part[1] for part in single])), _gap(cam, batch[1])) / cam_scale,
    )


def _gap(wanted: np.ndarray, found: np.ndarray) -> float:
    return float(np.abs(wanted - found).max())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter reports its passes on standard output and warns of its own internals."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
