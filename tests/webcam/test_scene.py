import numpy as np
import pytest
from PIL import Image

from recyclenet.pictures.heatmap import overlay
from recyclenet.preprocess import PreprocessSpec
from recyclenet.webcam.scene import draw_scene


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((256, 256), (16, 16, 240, 240)),
        ((512, 384), (88, 24, 424, 360)),  # 1.5 times 341×256, whose middle 224 begin at 58 and 16
        ((384, 512), (24, 88, 360, 424)),
    ],
)
def test_the_square_is_where_the_model_looks(rng, size, box):
    preprocess = PreprocessSpec()
    found = preprocess.box(size)
    assert np.abs(np.subtract(found, box)).max() <= 1
    photo = Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).resize((8, 8)).resize(size)
    square = np.asarray(photo.crop(found).resize((224, 224), Image.Resampling.BILINEAR), int)
    assert np.abs(square - np.asarray(preprocess.view(photo), int)).mean() < 1.5


def test_the_evidence_lies_in_the_square_and_nowhere_else(rng):
    photo = Image.fromarray(rng.integers(0, 256, (256, 320, 3), dtype=np.uint8))
    before = photo.copy()
    values = np.linspace(0, 1, 49, dtype=np.float32).reshape(7, 7)
    scene = np.asarray(draw_scene(photo, PreprocessSpec(), "#123456", values))
    plain = np.asarray(draw_scene(photo, PreprocessSpec(), "#123456"))
    inside = np.s_[16:240, 48:272]
    heat = np.asarray(overlay(photo.crop((48, 16, 272, 240)), values))
    core = np.s_[3:-3, 3:-3]
    assert np.array_equal(scene[inside][core], heat[core])
    assert np.array_equal(plain[inside][core], np.asarray(photo)[inside][core])
    for drawn in (scene, plain):
        assert (drawn[inside][:3] == (0x12, 0x34, 0x56)).all()
        rest = drawn.copy()
        rest[inside] = np.asarray(photo)[inside]
        assert np.array_equal(rest, np.asarray(photo))
    assert photo == before


def test_a_large_picture_is_drawn_smaller():
    assert draw_scene(Image.new("RGB", (1920, 1080)), PreprocessSpec(), "#123456").size == (960, 540)
