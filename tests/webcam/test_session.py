from functools import partial

import numpy as np
import pytest
from PIL import Image

from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import load_model
from recyclenet.rules import Bin, default_rules
from recyclenet.webcam.answer import Answer, answer_picture
from recyclenet.webcam.session import Session
from tests.webcam.fakes import FakeFrames, FakeWindow

RED, GREEN, BLUE = (Image.new("RGB", (64, 48), colour) for colour in ("red", "lime", "blue"))
NAMES = {(255, 0, 0): "red", (0, 255, 0): "green", (0, 0, 255): "blue"}


def by_colour(picture):
    return Answer(NAMES[picture.getpixel((0, 0))], 0.75, Bin("the bin", "#123456", "rinse it"))


def sit(frames, window, save_to, answer=by_colour, trouble=lambda: None):
    lines = []
    Session(frames, trouble, window, answer, save_to, lines.append).run()
    return lines


def test_live_pictures_are_shown_in_order(tmp_path):
    window = FakeWindow("turn", "turn")
    assert sit(FakeFrames(RED, GREEN, BLUE), window, tmp_path / "c.png") == []
    assert window.pictures == [RED, GREEN, BLUE]
    assert window.texts == [("space: capture and classify\nEsc: leave", "#eeeeee")]
    assert list(tmp_path.iterdir()) == []


def test_space_keeps_the_shown_picture_and_answers_for_it(tmp_path):
    window = FakeWindow("turn", "space", "turn")
    lines = sit(FakeFrames(RED, GREEN, BLUE), window, tmp_path / "c.png")
    assert lines == [f"{tmp_path / 'c.png'}: green, 75.0 %, bin: the bin"]
    assert window.texts[1:] == [("green, 75.0 %, bin: the bin\nrinse it", "#123456")]
    assert Image.open(tmp_path / "c.png").getpixel((0, 0)) == (0, 255, 0)


def test_each_capture_replaces_the_one_before(tmp_path):
    lines = sit(FakeFrames(RED, GREEN), FakeWindow("space", "turn", "space"), tmp_path / "c.png")
    assert [line.split()[1] for line in lines] == ["red,", "green,"]
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]
    assert Image.open(tmp_path / "c.png").getpixel((0, 0)) == (0, 255, 0)


def test_the_picture_is_answered_for_not_its_jpeg(tmp_path, trashnet):
    photo = Image.open(trashnet / "dataset-resized" / "metal" / "metal1.jpg").convert("RGB")
    answer = partial(answer_picture, load_model(None), default_rules())
    (line,) = sit(FakeFrames(photo), FakeWindow("space"), tmp_path / "c.jpg", answer)
    assert line == f"{tmp_path / 'c.jpg'}: {answer(photo)}"
    saved = Image.open(tmp_path / "c.jpg")
    difference = np.abs(np.asarray(saved, int) - np.asarray(photo, int))
    assert (saved.format, saved.size) == ("JPEG", photo.size)
    assert 0 < difference.mean() < 2
    assert answer(saved.convert("RGB")).prob != answer(photo).prob


def test_a_gap_in_the_pictures_is_said_once(tmp_path):
    troubles = iter([None, "gone", "gone", None, "gone"])
    window = FakeWindow("turn", "turn", "space", "turn", "turn")
    lines = sit(FakeFrames(RED, None, None, GREEN), window, tmp_path / "c.png", trouble=lambda: next(troubles))
    assert [text for text, _ in window.texts[1:]] == ["gone", "red, 75.0 %, bin: the bin\nrinse it", "gone"]
    assert lines[0].endswith("red, 75.0 %, bin: the bin")
    assert window.pictures == [RED, GREEN]


def test_a_capture_that_cannot_be_written(tmp_path):
    (tmp_path / "c.png").mkdir()
    with pytest.raises(RecycleNetError, match="it is a folder, a file name was expected"):
        sit(FakeFrames(RED), FakeWindow("space"), tmp_path / "c.png")
