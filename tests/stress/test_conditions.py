"""Each condition does to a photo what its name says."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from recyclenet.data.staging.board import find_item
from recyclenet.stress.conditions import CONDITIONS

BY_NAME = {condition.name: condition.change for condition in CONDITIONS}


@pytest.fixture
def photo():
    """A red disc on an evenly white board."""
    picture = Image.new("RGB", (200, 150), (225, 225, 225))
    ImageDraw.Draw(picture).ellipse((60, 35, 140, 115), fill=(200, 30, 30))
    return picture


def changed(name, photo, seed=0):
    return BY_NAME[name](photo, np.random.default_rng(seed))


def test_names_are_unique():
    assert len(BY_NAME) == len(CONDITIONS)
    assert len({condition.meaning for condition in CONDITIONS}) == len(CONDITIONS)


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("size", [(200, 150), (150, 201), (64, 64)])
def test_size_and_mode_stay_and_chance_is_repeatable(name, photo, size):
    small = photo.resize(size)
    first, again = changed(name, small), changed(name, small)
    assert (first is None) == (again is None)
    if first is not None:
        assert (first.size, first.mode) == (size[::-1] if name == "turn-90" else size, "RGB")
        assert first.tobytes() == again.tobytes()
        assert first.tobytes() != small.tobytes()


@pytest.mark.parametrize("name", ["black", "coloured", "textured"])
def test_a_new_surface_replaces_the_board_and_leaves_the_item(name, photo):
    after = np.asarray(changed(name, photo), dtype=float)
    assert np.abs(after[75, 100] - (200, 30, 30)).max() <= 2
    corners = after[[2, 2, -3, -3], [2, -3, 2, -3]]
    assert (np.abs(corners - 225).max(axis=1) > 25).all()
    if name == "black":
        assert corners.max() < 25


def test_an_item_that_cannot_be_told_from_its_board_is_left_out():
    blank = Image.new("RGB", (200, 150), (225, 225, 225))
    assert not find_item(blank).is_clear
    assert changed("black", blank) is None


def test_exposure_is_in_linear_light():
    grey = Image.new("RGB", (8, 8), (128, 64, 255))
    expected = [round(255 * (0.25 * (value / 255) ** 2.2) ** (1 / 2.2)) for value in (128, 64, 255)]
    assert list(changed("dark", grey).getpixel((0, 0))) == expected
    assert changed("bright", grey).getpixel((0, 0))[2] == 255


def test_warm_light_gains_red_and_loses_blue(photo):
    grey = Image.new("RGB", (8, 8), (100, 100, 100))
    assert changed("warm", grey).getpixel((0, 0)) == (130, 100, 70)


def test_turns_show_no_empty_corner(photo):
    plain = Image.new("RGB", (160, 120), (200, 200, 200))
    assert np.asarray(changed("turn-30", plain)).min() >= 199
    assert changed("turn-90", photo).tobytes() == photo.transpose(Image.Transpose.ROTATE_90).tobytes()


def test_more_blur_and_less_quality_change_more(photo):
    noisy = Image.fromarray(np.random.default_rng(3).integers(0, 256, (150, 200, 3), dtype=np.uint8))

    def distance(name):
        return np.abs(np.asarray(changed(name, noisy), dtype=float) - np.asarray(noisy)).mean()

    assert 0 < distance("blur-1") < distance("blur-2")
    assert 0 < distance("jpeg-20") < distance("jpeg-5")
