from collections import Counter

import numpy as np
import onnx
import pytest
import torch

from recyclenet.data.splits import PhotoRecord
from recyclenet.quantize import calibration
from recyclenet.quantize.calibration import METHODS, affine, calibrate, choose_photos
from recyclenet.quantize.layers import find_layers


def test_photos_of_each_class_in_turn():
    records = [PhotoRecord(f"{label}/{i}.jpg", label, "train") for label, n in (("a", 50), ("b", 4)) for i in range(n)]
    few = choose_photos(records, 6, seed=1)
    assert Counter(record.label for record in few) == {"a": 3, "b": 3}
    many = choose_photos(list(reversed(records)), 20, seed=1)
    assert many[:6] == few
    assert Counter(record.label for record in many) == {"a": 16, "b": 4}
    assert choose_photos(records, 6, seed=2) != few
    assert sorted(choose_photos(records, 1000, seed=1)) == sorted(records)


def test_eight_bits_reach_from_low_to_high_and_hold_zero():
    assert affine((-1, 1)) == (pytest.approx(2 / 255), 128)
    assert affine((2, 5.1)) == (pytest.approx(0.02), 0)
    assert affine((0, 0)) == (1.0, 0)


@pytest.mark.parametrize("method", METHODS)
def test_a_rare_outlier_is_cut_off_unless_everything_is_wanted(method):
    values = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    low, high = calibration._cut((float(values.min()), 60.0), np.append(values, np.float32(60)), method)
    assert high == 60 if method == "minmax" else 2 < high < 60
    assert low <= -2


def test_patches_are_those_that_the_convolution_sees():
    maps = np.random.default_rng(0).normal(size=(3, 4, 9, 9)).astype(np.float32)
    geometry = calibration._Geometry((3, 3), (2, 2), (1, 1), (0, 0, 1, 1), 4, 9)
    taken = calibration._patches(maps, geometry, np.random.default_rng(1))
    assert taken.shape == (3 * calibration._PLACES, 4, 9)
    padded = torch.nn.functional.pad(torch.from_numpy(maps), (0, 1, 0, 1))
    every = torch.nn.functional.unfold(padded, 3, stride=2).transpose(1, 2).reshape(3, -1, 4, 9).numpy()
    for photo, some in zip(every, taken.reshape(3, -1, 4, 9), strict=True):
        assert {patch.tobytes() for patch in some} <= {patch.tobytes() for patch in photo}
        assert len({patch.tobytes() for patch in some}) > 5


def test_ranges_and_means_are_those_of_the_model_s_own_maps(exported, folder):
    model = onnx.load(exported)
    layers = find_layers(model)
    photos = [record for record in folder.split("train") if record.label != "paper"]
    images = calibration.load_images(folder.root, photos, calibration.PreprocessSpec(64, 72))
    found = calibrate(model, layers, images, "minmax")
    first = next(layer for layer in layers if layer.source == "images")
    assert found.ranges["images"] == (min(0, images.min()), max(0, images.max()))
    # Padded zeros apart, the first layer meets the pictures: three channels, nine places each.
    mean = found.inputs[first.name].mean.reshape(3, 9)
    np.testing.assert_allclose(mean.mean(axis=1), images.mean(axis=(0, 2, 3)), atol=0.15)
    covariance = found.inputs[first.name].covariance
    np.testing.assert_allclose(covariance, covariance.transpose(0, 2, 1))
    assert np.linalg.eigvalsh(covariance).min() >= -1e-9
