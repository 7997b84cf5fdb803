import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from recyclenet.errors import RecycleNetError
from recyclenet.preprocess import IMAGENET_MEAN, IMAGENET_STD, PreprocessSpec
from recyclenet.strict import from_dict

SIZES = [
    (512, 384),
    (384, 512),
    (256, 256),
    (224, 224),
    (256, 300),
    (300, 256),
    (255, 257),
    (257, 255),
    (301, 199),
    (333, 500),
    (640, 427),
    (1, 1),
    (1, 3),
    (7, 5),
    (64, 1),
    (13, 200),
    (1000, 999),
]

# Of 4:3 and 3:2, as their photos are decoded.
CAMERAS = [(512, 384), (500, 375), (504, 378), (750, 500), (612, 408)]


def noise(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def by_torchvision(spec: PreprocessSpec, photo: Image.Image) -> np.ndarray:
    steps = transforms.Compose(
        [
            transforms.Resize(spec.resize, InterpolationMode(spec.interpolation)),
            transforms.CenterCrop(spec.img_size),
            transforms.ToTensor(),
            transforms.Normalize(spec.mean, spec.std),
        ]
    )
    result = steps(photo)
    assert isinstance(result, torch.Tensor)
    return result.numpy()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES)
def test_equal_to_torchvision(size, interpolation, rng):
    spec = PreprocessSpec(interpolation=interpolation)
    photo = noise(rng, *size)
    np.testing.assert_allclose(spec(photo), by_torchvision(spec, photo), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("img_size", "resize"), [(32, 32), (33, 40), (96, 127), (160, 183), (225, 256), (224, 225)])
def test_equal_to_torchvision_at_other_settings(img_size, resize, rng):
    spec = PreprocessSpec(img_size, resize, (0.5, 0.4, 0.3), (0.5, 0.25, 1.5), "bicubic")
    for width, height in rng.integers(20, 400, (12, 2)).tolist():
        photo = noise(rng, width, height)
        np.testing.assert_allclose(spec(photo), by_torchvision(spec, photo), rtol=0, atol=1e-6)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("img_size", "resize"), [(240, 240), (224, 256), (225, 256)])
def test_what_is_cut_off_need_not_be_resized(img_size, resize, interpolation, rng):
    """Pixel for pixel the middle of the whole photo resized, whichever way was taken."""
    spec = PreprocessSpec(img_size, resize, interpolation=interpolation)
    for size in [*CAMERAS, (375, 500), *((int(a), int(b)) for a, b in rng.integers(30, 700, (80, 2)))]:
        photo = noise(rng, *size)
        short = min(size)
        whole = photo.resize(
            tuple(resize if side == short else max(resize, resize * side // short) for side in size),
            Image.Resampling[interpolation.upper()],
        )
        left, top = (round((side - img_size) / 2) for side in whole.size)
        assert spec.view(photo).tobytes() == whole.crop((left, top, left + img_size, top + img_size)).tobytes(), size


@pytest.mark.parametrize("size", CAMERAS)
def test_of_a_cameras_photo_the_middle_alone_is_resized(size, rng, monkeypatch):
    asked = []
    resized = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda *given, **named: asked.append(named) or resized(*given, **named))
    spec = PreprocessSpec(240, 240)
    spec.view(noise(rng, *size))
    (named,) = asked
    assert named["box"] == pytest.approx(spec.box(size), abs=0.5)


def test_the_defaults_are_the_original_evaluation():
    spec = PreprocessSpec()
    assert (spec.img_size, spec.resize, spec.interpolation) == (224, 256, "bilinear")
    assert (spec.mean, spec.std) == (IMAGENET_MEAN, IMAGENET_STD) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize("size", [(512, 384), (20, 300), (256, 256)])
def test_shape_type_and_memory(size, rng):
    array = PreprocessSpec()(noise(rng, *size))
    assert (array.shape, array.dtype) == ((3, 224, 224), np.float32)
    assert array.flags.c_contiguous


def test_normalize_by_its_formula():
    spec = PreprocessSpec()
    array = spec(Image.new("RGB", (300, 280), (10, 128, 255)))
    for channel, value in enumerate((10, 128, 255)):
        expected = (value / 255 - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel]
        assert np.abs(array[channel] - expected).max() < 1e-6


def test_the_view_is_the_middle():
    photo = Image.new("RGB", (640, 64), "blue")
    photo.paste((255, 0, 0), (290, 0, 350, 64))
    view = PreprocessSpec(img_size=32, resize=64).view(photo)
    assert view.size == (32, 32)
    assert view.getcolors() == [(32 * 32, (255, 0, 0))]


def test_normalize_of_the_view_is_the_whole(rng):
    spec, photo = PreprocessSpec(), noise(rng, 400, 300)
    np.testing.assert_array_equal(spec.normalize(spec.view(photo)), spec(photo))


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"img_size": 31}, "img_size"),
        ({"img_size": 1025, "resize": 2048}, "img_size"),
        ({"img_size": 0}, "img_size"),
        ({"resize": 223}, "resize"),
        ({"resize": 2049}, "resize"),
        ({"std": (0.2, 0.0, 0.2)}, "std"),
        ({"std": (0.2, -1.0, 0.2)}, "std"),
        ({"std": (math.inf, 0.2, 0.2)}, "std"),
        ({"std": (math.nan, 0.2, 0.2)}, "std"),
        ({"mean": (0.5, math.nan, 0.5)}, "mean"),
        ({"mean": (0.5, 0.5, -math.inf)}, "mean"),
        ({"interpolation": "nearest"}, "interpolation"),
    ],
)
def test_settings_out_of_range_are_refused(settings, word):
    with pytest.raises(RecycleNetError, match=word):
        PreprocessSpec(**settings)


@pytest.mark.parametrize("settings", [{"img_size": 32, "resize": 32}, {"img_size": 1024, "resize": 2048}])
def test_the_limits_themselves_are_allowed(settings):
    spec = PreprocessSpec(**settings)
    assert (spec.img_size, spec.resize) == (settings["img_size"], settings["resize"])


@pytest.mark.parametrize(
    "spec", [PreprocessSpec(), PreprocessSpec(96, 110, (0.5, 0.25, 0.125), (1.0, 2.0, 0.1), "bicubic")]
)
def test_round_trip(spec):
    assert from_dict(PreprocessSpec, asdict(spec), "spec") == spec
    assert from_dict(PreprocessSpec, json.loads(json.dumps(asdict(spec))), "spec") == spec


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"image_size": 224}, "did you mean img_size"),
        ({"img_size": "224"}, "whole number"),
        ({"img_size": True}, "whole number"),
        ({"mean": [0.5, 0.5]}, "3 values"),
        ({"resize": 100}, "model.json: resize"),
        ([], "expected a table"),
    ],
)
def test_from_dict_is_strict(table, message):
    with pytest.raises(RecycleNetError, match=message):
        from_dict(PreprocessSpec, table, "model.json")
