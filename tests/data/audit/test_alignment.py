import numpy as np
import pytest
from PIL import Image

from recyclenet.data.audit.alignment import align, blur, correlation

WHOLE = np.array([[0, 0, 1, 1]], np.float32)


def scene(rng: np.random.Generator, side: int = 640) -> Image.Image:
    """Smooth at large, busy in detail."""
    large, small = (Image.fromarray(rng.integers(0, 256, (n, n), dtype=np.uint8)) for n in (7, 40))
    return Image.blend(*(part.resize((side, side), Image.Resampling.BICUBIC) for part in (large, small)), 0.4)


def grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((64, 64), Image.Resampling.BOX), np.float32)[None]


def test_finds_the_window_of_a_crop(rng) -> None:
    photo = scene(rng)
    box = (48, 80, 48 + 544, 80 + 512)  # 85 % of the width, 80 % of the height
    start = np.array([[0.1, 0.1, 0.8, 0.8]], np.float32)
    found = align(grey(photo.crop(box)), grey(photo), start)
    np.testing.assert_allclose(found.windows[0], [48 / 640, 80 / 640, 0.85, 0.8], atol=0.01)
    assert found.details[0] > 0.95


def test_gain_and_offset_do_not_matter(rng) -> None:
    photo = grey(scene(rng))
    found = align(0.6 * photo + 30, photo, WHOLE)
    np.testing.assert_allclose(found.windows, WHOLE, atol=1e-3)
    assert found.details[0] == pytest.approx(1, abs=1e-4)


def test_one_light_is_not_one_picture(rng) -> None:
    """Two items on one board under one lamp: alike at large, unlike in detail."""
    board = np.asarray(Image.fromarray(rng.integers(0, 256, (4, 4), dtype=np.uint8)).resize((64, 64)), np.float32)
    first, second = (board + blur(rng.normal(0, 12, (1, 64, 64)).astype(np.float32), 1) for _ in range(2))
    assert correlation(first, second)[0] > 0.95
    assert align(first, second, WHOLE).details[0] < 0.5


def test_flat_pictures_are_not_alike() -> None:
    flat = np.full((1, 64, 64), 128, np.float32)
    found = align(flat, flat, WHOLE)
    assert found.details[0] == 0
    assert np.isfinite(found.windows).all()


def test_windows_stay_inside_whatever_comes(rng) -> None:
    noise = rng.integers(0, 256, (2, 40, 64, 64)).astype(np.float32)
    found = align(noise[0], noise[1], np.repeat(WHOLE, 40, axis=0))
    assert (found.windows[:, :2] >= 0).all()
    assert (found.windows[:, :2] + found.windows[:, 2:] <= 1 + 1e-5).all()
    assert (np.abs(found.details) <= 1 + 1e-5).all()


def test_blur_is_the_mean_of_the_square(rng) -> None:
    pixels = rng.normal(size=(1, 9, 9)).astype(np.float32)
    padded = np.pad(pixels[0], 2, "edge")
    expected = [[padded[y : y + 5, x : x + 5].mean() for x in range(9)] for y in range(9)]
    np.testing.assert_allclose(blur(pixels, 2)[0], expected, atol=1e-5)


def test_correlation_is_pearsons(rng) -> None:
    a, b = rng.normal(size=(2, 3, 4, 4)).astype(np.float32)
    expected = [np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(correlation(a, b), expected, atol=1e-5)
