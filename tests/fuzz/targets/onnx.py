"""Exported models: an ONNX file from a stranger, and the description in its metadata."""

import json

import numpy as np
from onnx import ModelProto, helper
from PIL import Image

from recyclenet.calibration import Calibration
from recyclenet.class_directions import ClassDirections
from recyclenet.config import ModelConfig
from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.encoded import encode
from recyclenet.predictor import Predictor
from recyclenet.preprocess import PreprocessSpec
from recyclenet.unknown import UnknownScore
from tests.bulk.conftest import tiny_model
from tests.conftest import COLOURS
from tests.fuzz.hostile import TEXT_TOKENS, Form, Target
from tests.fuzz.targets.scratch import scratch_file

_WHOLE = tiny_model()
_PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))
_TOKENS = (
    b'"calibration"',
    b'"img_size"',
    b"32",
    b"1024",
    b'"temperature"',
    b'["a","b"]',
    b'"bicubic"',
    b'"format"',
    b"==",
)


def _described() -> bytes:
    """A description with everything in it that there can be."""
    mean, plane = encode(np.arange(3.0), "<f4"), encode(np.eye(2, 3), "<f2")
    pointing = ClassDirections(3, 1, encode(np.eye(1, 3), "<f2"))
    unknown = UnknownScore(3, 2, mean, plane, pointing, 0.5, -2.5, 0.25, 0.99)
    return (
        ModelDescription(
            ModelConfig(arch_args={"depth": 2, "x": True}),
            tuple(COLOURS),
            PreprocessSpec(img_size=32, resize=36),
            metrics={"val_correct": 300},
            data={"name": "trashnet"},
            training={"lr": 0.5},
            quantization={"weights": "int8"},
            calibration=Calibration(0.5, 0.95, "aps", 0.75, 328, "ab12", unknown),
        )
        .to_json()
        .encode()
    )


def _with_metadata(damaged: bytes) -> bytes:
    model = ModelProto.FromString(_WHOLE)
    helper.set_model_props(model, {METADATA_KEY: damaged.decode("utf-8", "replace")})
    return model.SerializeToString()


def _read(data: bytes) -> None:
    predictor = Predictor(scratch_file("onnx", "m.onnx", data), threads=1)
    numbers = predictor.preprocess.normalize(predictor.view(_PHOTO))
    side = predictor.preprocess.img_size
    assert numbers.shape == (3, side, side)
    json.loads(predictor.description.to_json())


TARGET = Target(
    [Form(_WHOLE), Form(_described(), _with_metadata), Form(_described(), _with_metadata)],
    _read,
    (*TEXT_TOKENS, *_TOKENS),
)
