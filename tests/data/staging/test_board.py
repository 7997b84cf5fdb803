import numpy as np
import pytest
from PIL import Image

from recyclenet.data.staging.board import find_item
from tests.data.staging.scenes import board_with, enlarged, one_colour


@pytest.mark.parametrize("size", [(256, 192), (192, 256), (300, 300), (60, 45)])
@pytest.mark.parametrize("kind", ["disc", "rectangle"])
def test_an_item_is_found_and_its_shadow_is_not(kind, size):
    photo, truth = board_with(kind, size)
    item = find_item(photo)
    assert item.is_clear
    found = enlarged(item.alpha, size) > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.93
    assert item.alpha.min() >= 0
    assert item.alpha.max() <= 1


@pytest.mark.parametrize("kind", ["disc", "rectangle"])
def test_the_board_is_what_the_photo_would_show_without_the_item(kind):
    photo, _ = board_with(kind)
    empty = np.asarray(board_with("nothing")[0], dtype=np.float64) / 255
    board = find_item(photo).board
    for channel in range(3):
        assert abs(enlarged(board[..., channel], photo.size) - empty[..., channel]).mean() < 0.012
    assert board.min() > 0
    assert board.max() <= 1


@pytest.mark.parametrize(
    "photo",
    [
        board_with("nothing")[0],
        one_colour((150, 110, 70), (256, 192), noise=6),  # cardboard
        one_colour((235, 232, 225), (192, 256), noise=3),  # paper
        one_colour((0, 0, 0), (64, 48)),
        one_colour((255, 255, 255), (64, 48)),
        one_colour((255, 0, 0), (64, 48)),
        one_colour((90, 200, 10), (1, 1)),
        one_colour((128, 128, 128), (256, 192), noise=80),
        board_with("disc", (800, 20))[0],
        board_with("disc", (20, 800))[0],
    ],
    ids=["board", "cardboard", "paper", "black", "white", "red", "1x1", "noise", "strip", "column"],
)
def test_where_nothing_can_be_told_apart_nothing_is_claimed(photo):
    item = find_item(photo)
    assert not item.is_clear
    assert np.isfinite(item.alpha).all()
    assert np.isfinite(item.board).all()
    assert item.board.min() > 0
    assert item.alpha.shape == item.board.shape[:2] == ((96, 128) if photo.width >= photo.height else (128, 96))


def test_an_item_that_fills_the_photo_or_is_a_speck_is_not_clear():
    for share in (0.1, 0.95):  # of the height and the width
        pixels = np.asarray(board_with("nothing")[0]).copy()
        height, width = (round(share * side) for side in pixels.shape[:2])
        top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
        pixels[top : top + height, left : left + width] = (30, 60, 140)
        assert not find_item(Image.fromarray(pixels)).is_clear, share


def test_a_ragged_shape_is_not_clear():
    """A cross fills less than what its hull does: more likely two things, or an item of which a part was missed."""
    pixels = np.asarray(board_with("nothing")[0]).copy()
    pixels[86:106, 30:226] = pixels[10:182, 118:138] = (30, 60, 140)
    assert not find_item(Image.fromarray(pixels)).is_clear


def test_the_same_photo_gives_the_same_item():
    photo, _ = board_with("disc")
    first, second = find_item(photo), find_item(photo)
    assert np.array_equal(first.alpha, second.alpha)
    assert np.array_equal(first.board, second.board)


@pytest.mark.parametrize("label", ["glass", "metal"])
def test_real_photos(trashnet, label):
    photos = sorted((trashnet / "dataset-resized" / label).iterdir())[::25][:16]
    items = [find_item(Image.open(path).convert("RGB")) for path in photos]
    clear = [item for item in items if item.is_clear]
    assert len(clear) >= 0.7 * len(items)
    corners = [item.alpha[row, column] for item in clear for row in (0, -1) for column in (0, -1)]
    assert np.mean(np.array(corners) < 0.1) >= 0.8, "an item is in the middle, and the corners are board"
    assert all(0.02 < item.alpha.mean() < 0.8 for item in clear)
    colour = np.stack([item.board.mean(axis=(0, 1)) for item in clear])
    assert ((colour.max(axis=1) - colour.min(axis=1)) / colour.max(axis=1)).max() < 0.3
