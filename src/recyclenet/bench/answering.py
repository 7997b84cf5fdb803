"""Photo file → decision: this package beside what a user would write otherwise, and beside the limit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from recyclenet.bench.in_turn import time_in_turn
from recyclenet.bench.original_way import create_answer, create_network
from recyclenet.bench.result import Aim, BenchTable, lines_of
from recyclenet.models.factory import create_classifier
from recyclenet.predictor import Predictor
from recyclenet.preprocess import PreprocessSpec
from recyclenet.rules import default_rules

OURS = "recyclenet: photo file to decision"
SESSION = "onnxruntime's session alone, on a ready array"
DECODE = "decoding alone: reduced size, resized, cut, scaled"
ORIGINAL = "the original's way: full decode, ResNet18 in eager torch"
EAGER = "the same network in eager torch, full decode"
COMPILED = "the same network by torch.compile, full decode"

_FASTER = {"512×384": 5.0, "4000×3000": 9.0}  # times as fast as the original's way
_LEAD_INS = 5  # after a way in torch, whose threads go on spinning for a while
_GLUE = 1.25  # times the session and the decoding that it cannot do without


def measure_answering(
    model: Path | None,
    photos: dict[str, Path],
    rounds: int,
    *,
    compiled: bool,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> tuple[BenchTable, ...]:
    """A table for each photo, warm.

    Args:
        model: an exported model; the bundled one by default.
        photos: by name; JPEGs.
        rounds: of each way.
        compiled: also by torch.compile, whose start takes a minute or two.
        on_progress: told (photo, rounds done, rounds in all).
    """
    predictor, rules = Predictor(model), default_rules()
    spec = predictor.preprocess
    ready = np.zeros((1, 3, spec.img_size, spec.img_size), np.float32)
    original = create_answer(create_network())
    eager = create_classifier(predictor.description.model, len(predictor.classes)).eval()
    by_torch = {EAGER: eager} | ({COMPILED: torch.compile(eager)} if compiled else {})
    tables = []
    for name, path in photos.items():

        def decide(path: Path = path) -> object:
            made = predictor.predict(path)
            return rules.decide(made.probs, is_unknown=made.is_unknown)

        ways: dict[str, Callable[[], object]] = {
            OURS: decide,
            SESSION: lambda: predictor.run(ready),
            DECODE: lambda path=path: _decode(path, spec),  # type: ignore[misc]
            ORIGINAL: lambda path=path: original(path),  # type: ignore[misc]
        }
        for way, network in by_torch.items():
            ways[way] = _torch_way(path, spec, network)
        told = None if on_progress is None else (lambda done, total, name=name: on_progress(name, done, total))
        taken = time_in_turn(ways, rounds, warm_ups=max(3, rounds // 10), lead_ins=_LEAD_INS, on_progress=told)
        median = {way: float(np.median(seconds)) for way, seconds in taken.items()}
        aims = [
            Aim(f"time of session and decoding together, for {name}", median[OURS] / (median[SESSION] + median[DECODE]),
                _GLUE, at_most=True)
        ]  # fmt: skip
        if name in _FASTER:
            aims.append(Aim(f"times as fast as the original's way, for {name}", median[ORIGINAL] / median[OURS],
                            _FASTER[name]))  # fmt: skip
        lines = lines_of(taken, OURS, 1000.0)
        tables.append(BenchTable(f"one photo of {name}, warm", "ms", "recyclenet", rounds, lines, tuple(aims)))
    return tuple(tables)


def _decode(path: Path, spec: PreprocessSpec) -> object:
    """The least that has to be done to a JPEG: no checks, no orientation."""
    with Image.open(path) as image:
        image.draft("RGB", (spec.resize, spec.resize))
        return spec(image.convert("RGB"))


def _torch_way(path: Path, spec: PreprocessSpec, network: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], int]:
    view = transforms.Compose(
        [
            transforms.Resize(spec.resize),
            transforms.CenterCrop(spec.img_size),
            transforms.ToTensor(),
            transforms.Normalize(spec.mean, spec.std),
        ]
    )

    def answer() -> int:
        with Image.open(path) as image:
            images = view(image.convert("RGB"))[None]
        with torch.no_grad():
            return int(network(images).softmax(dim=1).argmax())

    return answer
