import numpy as np
import pytest
from PIL import Image

from recyclenet.data.audit.descriptors import SYMMETRIES, WINDOWS, describe, turn, turned_descriptors

T = Image.Transpose
# What each symmetry is in Pillow's words; Pillow turns against the clock, we say how far the clock's way.
PILLOW = {
    "as it is": (),
    "mirrored": (T.FLIP_LEFT_RIGHT,),
    "mirrored top to bottom": (T.FLIP_TOP_BOTTOM,),
    "turned by 180°": (T.ROTATE_180,),
    "transposed": (T.TRANSPOSE,),
    "turned by 90°": (T.ROTATE_270,),
    "turned by 270°": (T.ROTATE_90,),
    "transposed and turned by 180°": (T.TRANSVERSE,),
}


def picture(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (64, 64), dtype=np.uint8)


def test_the_eight_symmetries_are_what_they_are_called(rng) -> None:
    pixels = picture(rng)
    for number, name in enumerate(SYMMETRIES):
        expected = Image.fromarray(pixels)
        for step in PILLOW[name]:
            expected = expected.transpose(step)
        (turned,) = turn(pixels[None].astype(np.float32), np.array([number]))
        np.testing.assert_array_equal(turned, np.asarray(expected))


def test_turned_descriptors_are_those_of_turned_pictures(rng) -> None:
    pictures = np.stack([picture(rng) for _ in range(3)]).astype(np.float32)
    forms = turned_descriptors(describe(pictures))
    for number in range(8):
        expected = describe(turn(pictures, np.full(3, number)))
        np.testing.assert_allclose(forms[number], expected, atol=2e-5)


def test_length_one_and_blind_to_exposure(rng) -> None:
    pictures = np.stack([picture(rng) for _ in range(2)]).astype(np.float32)
    described = describe(pictures)
    assert described.shape == (2, 35)
    np.testing.assert_allclose(np.linalg.norm(described, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(describe(0.5 * pictures + 20), described, atol=1e-3)
    assert not describe(np.full((1, 64, 64), 200, np.float32)).any()


def test_a_pure_cosine_has_one_coefficient() -> None:
    x = (np.arange(64) + 0.5) / 64
    pure = np.broadcast_to(np.cos(3 * np.pi * x), (1, 64, 64)).astype(np.float32)
    (described,) = describe(pure)
    # Row frequency 0, column frequency 3: the third of those without the mean.
    assert described[2] == pytest.approx(1, abs=1e-3)


def test_a_window_is_the_crop(rng) -> None:
    smooth = np.asarray(Image.fromarray(picture(rng)).resize((9, 9)).resize((640, 640), Image.Resampling.BICUBIC))
    whole = np.asarray(Image.fromarray(smooth).resize((64, 64), Image.Resampling.BOX), np.float32)
    for window in WINDOWS:
        left, top, width, height = (round(640 * float(share)) for share in window)
        crop = Image.fromarray(smooth[top : top + height, left : left + width])
        cropped = np.asarray(crop.resize((64, 64), Image.Resampling.BOX), np.float32)
        similarity = float((describe(whole[None], window) @ describe(cropped[None]).T)[0, 0])
        assert similarity > 0.998, window


def test_windows_lie_inside() -> None:
    assert WINDOWS.shape == (20, 4)
    assert (WINDOWS[0] == (0, 0, 1, 1)).all()
    assert (WINDOWS[:, :2] >= 0).all()
    assert (WINDOWS[:, :2] + WINDOWS[:, 2:] <= 1 + 1e-6).all()
