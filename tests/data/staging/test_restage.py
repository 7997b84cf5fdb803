import numpy as np
import pytest
from PIL import Image

from recyclenet.data.staging import restage as module
from recyclenet.data.staging.board import Item, find_item
from recyclenet.data.staging.restage import as_card, moved, on_surface, restage
from recyclenet.data.staging.surfaces import any_surface
from tests.data.staging.scenes import board_with, enlarged, one_colour

ODD_SIZES = [(1, 1), (1, 9), (7, 1), (3, 2), (61, 45), (45, 61), (257, 31)]


def floats(picture):
    return np.asarray(picture, dtype=np.float64) / 255


def checks(height, width):
    """A surface that is nowhere like a board, with a place for every pixel."""
    y, x = np.mgrid[:height, :width]
    return np.stack([0.1 + 0.8 * (x % 8 < 4), 0.2 + 0.5 * (y % 8 < 4), np.full((height, width), 0.3)], axis=2).astype(
        np.float32
    )


@pytest.mark.parametrize("kind", ["disc", "rectangle"])
def test_the_item_stays_and_the_board_becomes_the_surface(kind):
    photo, truth = board_with(kind)
    item = find_item(photo)
    surface = checks(photo.height, photo.width)
    result = on_surface(photo, item, surface)
    alpha = enlarged(item.alpha, photo.size)
    inside, outside = alpha == 1, alpha == 0
    assert inside.sum() > 0.7 * truth.sum()
    assert outside.sum() > 0.7 * (~truth).sum()
    assert np.array_equal(np.asarray(result)[inside], np.asarray(photo)[inside])
    # Away from the item: the surface, darker where the photo is darker than its empty board.
    board = np.stack([enlarged(item.board[..., channel], photo.size) for channel in range(3)], axis=2)
    shade = (floats(photo) / board).mean(axis=2, keepdims=True)
    assert np.abs(floats(result) - surface * shade)[outside].max() < 0.5 / 255 + 1e-5
    assert shade[outside].min() < 0.93, "the item's shadow"
    assert abs(np.median(shade[outside]) - 1) < 0.02


def test_half_transparent_is_half_of_each():
    photo = one_colour((200, 200, 200), (20, 10))
    item = Item(np.full((96, 128), 0.25), np.full((96, 128, 3), 200 / 255), is_clear=True)
    result = on_surface(photo, item, np.zeros((10, 20, 3), dtype=np.float32))
    assert np.array_equal(np.asarray(result), np.full((10, 20, 3), 50))


def test_glare_brightens_a_surface_by_a_tenth_at_most():
    photo = one_colour((250, 250, 250), (20, 10))
    item = Item(np.zeros((96, 128)), np.full((96, 128, 3), 0.5), is_clear=True)
    result = on_surface(photo, item, np.full((10, 20, 3), 0.5, dtype=np.float32))
    assert np.array_equal(np.asarray(result), np.full((10, 20, 3), round(0.55 * 255)))


def test_a_moved_item_is_smaller_whole_and_somewhere_else():
    photo, truth = board_with("disc")
    item = find_item(photo)
    green = lambda picture: (floats(picture) @ (-1, 1.5, -0.5)) > 0.35  # noqa: E731
    surface = np.full((photo.height, photo.width, 3), 0.25, dtype=np.float32)
    places = []
    for seed in range(12):
        result = moved(photo, item, surface, np.random.default_rng(seed))
        assert result.size == photo.size
        share = green(result).sum() / truth.sum()
        assert 0.5 * 0.55**2 < share < 1.1 * 0.95**2
        places.append(np.argwhere(green(result)).mean(axis=0))
    assert np.ptp(places, axis=0).min() > 10
    assert np.array_equal(surface, np.full_like(surface, 0.25)), "the surface given was painted on"


def test_a_moved_boards_own_border_does_not_show():
    """Where its shadow reaches the photo's border, it would end there in a line."""
    photo = one_colour((100, 100, 100), (96, 72))
    item = Item(np.zeros((96, 128)), np.full((96, 128, 3), 200 / 255), is_clear=True)  # all of it in half shadow
    surface = np.full((72, 96, 3), 0.6, dtype=np.float32)
    for seed in range(8):
        result = floats(moved(photo, item, surface, np.random.default_rng(seed)))
        assert result.min() == pytest.approx(0.3, abs=0.005)
        steps = [np.abs(np.diff(result, axis=axis)).max() for axis in (0, 1)]
        assert max(steps) < 0.04, "the shadow fades over a dozen pixels"


def test_a_card_is_the_photo_in_smaller_on_the_surface():
    photo = one_colour((0, 0, 255), (128, 96))
    surface = np.full((96, 128, 3), 1.0, dtype=np.float32)
    surface[..., 2] = 0  # yellow: what is not it is card
    shares = []
    for seed in range(20):
        result = np.asarray(as_card(photo, surface, np.random.default_rng(seed)))
        assert result.shape == (96, 128, 3)
        shares.append(np.mean(result[..., 2] > 127))
        assert np.mean((result == (0, 0, 255)).all(axis=2) | (result == (255, 255, 0)).all(axis=2)) > 0.95
    assert 0.25 * 0.8 <= min(shares) < 0.4
    assert 0.6 < max(shares) <= 0.81 + 0.02


def test_what_is_clear_lies_on_the_surface_half_of_the_time_moved_and_the_rest_is_a_card(monkeypatch):
    called = []
    for name in ("on_surface", "moved", "as_card"):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, name=name, f=original: (called.append(name), f(*a))[1])
    for kind in ("disc", "nothing"):
        photo, _ = board_with(kind, (64, 48))
        for seed in range(30):
            restage(photo, checks(48, 64), np.random.default_rng(seed))
    assert set(called[:30]) == {"on_surface", "moved"}
    assert 7 <= called[:30].count("moved") <= 23
    assert called[30:] == ["as_card"] * 30


def every_way(photo, seed):
    draw = lambda: np.random.default_rng(seed)  # noqa: E731
    item, surface = find_item(photo), any_surface(draw(), photo.height, photo.width)
    return (
        restage(photo, surface, draw()),
        on_surface(photo, item, surface),
        moved(photo, item, surface, draw()),
        as_card(photo, surface, draw()),
    )


@pytest.mark.parametrize("size", ODD_SIZES)
def test_odd_sizes_keep_size_and_mode_and_repeat(size):
    width, height = size
    noisy = Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))
    for photo in (noisy, board_with("disc", size)[0]):
        for seed in range(4):
            first, second = every_way(photo, seed), every_way(photo, seed)
            assert {(result.size, result.mode) for result in first} == {(size, "RGB")}
            assert [result.tobytes() for result in first] == [result.tobytes() for result in second]
