import numpy as np
import pytest
from PIL import Image

from recyclenet.pictures.heatmap import heat, mosaic, overlay, stretch

HOTTEST = np.array([252, 255, 164])


def noise(rng: np.random.Generator, width: int = 224, height: int = 224) -> Image.Image:
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def evidence(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0, 4, (6, 7, 5)).astype(np.float32)


@pytest.mark.parametrize("index", range(6))
def test_heat_by_its_formula(index, rng):
    maps = evidence(rng)
    expected = np.zeros((7, 5))
    for row in range(7):
        for column in range(5):
            here = [float(maps[k, row, column]) for k in range(6)]
            expected[row, column] = max(here[index] - sum(here) / 6, 0)
    expected /= expected.max()
    found = heat(maps, index)
    assert (found.shape, found.dtype) == ((7, 5), np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.min() == 0
    assert found.max() == 1


def test_heat_does_not_change_when_all_maps_rise_together(rng):
    maps = evidence(rng)
    rise = rng.normal(0, 10, (1, 7, 5)).astype(np.float32)
    np.testing.assert_allclose(heat(maps + rise, 2), heat(maps, 2), atol=1e-5)


def test_heat_does_not_depend_on_the_scale(rng):
    maps = evidence(rng)
    np.testing.assert_allclose(heat(maps * 37, 1), heat(maps, 1), atol=1e-6)


def test_a_class_without_any_evidence_is_cold_everywhere(rng):
    maps = evidence(rng)
    maps[3] = maps.min() - 1
    assert (heat(maps, 3) == 0).all()
    assert (heat(np.full((6, 7, 5), 2, np.float32), 0) == 0).all()


def test_heat_leaves_the_evidence_alone(rng):
    maps = evidence(rng)
    before = maps.copy()
    heat(maps, 0)
    np.testing.assert_array_equal(maps, before)


def in_grey(view):
    return np.asarray(view.convert("L").convert("RGB"))


def test_a_cold_overlay_is_the_photo_in_grey(rng):
    view = noise(rng)
    np.testing.assert_array_equal(np.asarray(overlay(view, np.zeros((7, 7), np.float32))), in_grey(view))


def test_without_strength_there_is_no_heat(rng):
    view = noise(rng)
    values = rng.random((7, 7), np.float32)
    np.testing.assert_array_equal(np.asarray(overlay(view, values, strength=0.0)), in_grey(view))


def test_cold_places_stay_and_hot_ones_change(rng):
    view = noise(rng)
    values = np.zeros((7, 7), np.float32)
    values[0, 0] = 1
    before, after = in_grey(view), np.asarray(overlay(view, values))
    # A bicubic filter reaches two cells and a half from the middle of the hot one.
    np.testing.assert_array_equal(after[96:], before[96:])
    np.testing.assert_array_equal(after[:, 96:], before[:, 96:])
    expected = 0.4 * before[8, 8] + 0.6 * HOTTEST
    assert np.abs(after[8, 8] - expected).max() < 4
    assert (after[:16, :16] != before[:16, :16]).any(axis=2).all()


@pytest.mark.parametrize(
    ("value", "colour"),
    [(0.25, (106, 23, 110)), (0.5, (188, 55, 84)), (0.75, (240, 120, 30)), (1.0, tuple(HOTTEST))],
)
@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_even_heat_mixes_one_colour_in(value, colour, strength, rng):
    view = noise(rng, 60, 40)
    weight = strength * value
    expected = in_grey(view) * (1 - weight) + np.array(colour) * weight
    found = np.asarray(overlay(view, np.full((4, 6), value, np.float32), strength=strength))
    assert np.abs(found - expected).max() <= 0.51


@pytest.mark.parametrize("size", [(224, 224), (100, 37), (7, 300), (1, 1)])
def test_the_size_is_kept(size, rng):
    found = overlay(noise(rng, *size), rng.random((7, 5), np.float32))
    assert (found.size, found.mode) == (size, "RGB")


def test_brightness_rises_with_the_heat():
    values = np.linspace(0, 1, 256, dtype=np.float32)[None]
    grey = np.asarray(overlay(Image.new("RGB", (256, 1)), values, strength=1.0).convert("L"), dtype=int)[0]
    assert (np.diff(grey) >= 0).all()
    assert grey[-1] > 230


def test_a_mosaic_shows_every_cell_in_its_colour_and_nothing_between():
    values = np.float32([[0, 0.25, 0.5], [0.75, 1, 0.125]])
    found = np.asarray(mosaic(values, (30, 40)))
    colours = np.array([[(13, 8, 60), (106, 23, 110), (188, 55, 84)], [(240, 120, 30), (252, 255, 164), (60, 16, 85)]])
    assert found.shape == (40, 30, 3)
    assert np.abs(found - colours.repeat(20, axis=0).repeat(10, axis=1)).max() <= 1


def test_a_mosaic_cuts_off_what_lies_beyond_its_scale():
    beyond, ends = mosaic(np.float32([[-3, 7]]), (2, 1)), mosaic(np.float32([[0, 1]]), (2, 1))
    np.testing.assert_array_equal(np.asarray(beyond), np.asarray(ends))


def test_stretching_is_the_linear_map_onto_0_to_1(rng):
    values = rng.normal(5, 100, (4, 7)).astype(np.float32)
    found = stretch(values)
    assert (found.min(), found.max(), found.dtype) == (0, 1, np.float32)
    slope, start = np.polyfit(values.ravel(), found.ravel(), 1)
    np.testing.assert_allclose(found, start + slope * values, atol=1e-5)
    assert slope > 0
    np.testing.assert_array_equal(stretch(np.full((2, 3), 4, np.float32)), np.zeros((2, 3)))
