"""recyclenet webcam as a person meets it: a real window on a virtual screen, real key presses.

A picture of it goes to docs/ when RECYCLENET_SCREENSHOT is set.
"""

import json
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image, ImageColor, ImageGrab

from recyclenet import Predictor
from recyclenet.rules import default_rules
from recyclenet.webcam.scene import draw_scene
from recyclenet.webcam.window import PLAIN
from tests.conftest import REPOSITORY
from tests.webcam.screen import PATIENCE, place_of, started, wait_for
from tests.webcam.stream import Stream
from tests.webcam.videos import write_video


@pytest.fixture
def photo(trashnet):
    return Image.open(trashnet / "dataset-resized/plastic/plastic227.jpg").convert("RGB")  # of the test list


@pytest.fixture
def watching(display, tmp_path):
    return lambda *arguments: started(["-m", "recyclenet", "webcam", *arguments], tmp_path, DISPLAY=display)


def grab(display):
    return ImageGrab.grab(xdisplay=display).convert("RGB")


def has_strip(screen, place, size, colour):
    """Whether below the picture is the colour, and over most of two lines."""
    left, top = place
    below = screen[top + size[1] : top + size[1] + 60, left : left + size[0]]
    return (below == ImageColor.getrgb(colour)).all(axis=2).mean() > 0.6


def test_answer_heatmap_and_a_kept_frame(display, press, watching, tmp_path, photo):
    wanted = Predictor().predict(photo)
    target = default_rules().decide(wanted.probs).bin
    scene = draw_scene(photo, Predictor().preprocess, target.colour)
    video = write_video(tmp_path / "v.avi", [photo] * 90, rate=1)

    def answer_is_shown(screen):
        place = place_of(scene, screen)
        return place is not None and has_strip(screen, place, scene.size, target.colour)

    with watching("--source", video, "--out", "kept") as process:
        press()
        wait_for(display, answer_is_shown)
        plain = grab(display)
        left, top = place_of(scene, np.asarray(plain))
        place = (left, top, left + photo.width, top + photo.height)

        press("h")
        wait_for(display, lambda screen: place_of(scene, screen) is None)
        heated = grab(display)
        red, green, blue = np.asarray(heated.crop(place)).astype(int).transpose(2, 0, 1)
        assert ((red > 200) & (green > 150) & (blue < red - 30)).mean() > 0.01  # the hottest is yellow
        assert has_strip(np.asarray(heated), (left, top), photo.size, target.colour)

        press("H")
        wait_for(display, answer_is_shown)

        press("space")
        line = process.stderr.readline()
        assert line.startswith("saved kept/")
        kept, answer = sorted((tmp_path / "kept").iterdir())
        assert line == f"saved kept/{kept.name}\n"
        table = json.loads(answer.read_text())
        assert table["label"] == table["shown"]["label"] == wanted.label
        assert table["prob"] == pytest.approx(wanted.prob, abs=1e-4)
        assert table["bin"] == table["shown"]["bin"] == target.name
        assert np.abs(np.asarray(Image.open(kept), int) - np.asarray(photo, int)).mean() < 2

        press("Escape")
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0


def test_the_end_of_a_video_is_the_end(press, watching, tmp_path, photo):
    with watching("--source", write_video(tmp_path / "v.avi", [photo] * 4, rate=4)) as process:
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0


def test_an_item_an_empty_view_a_lost_camera_and_ctrl_c(display, press, watching, photo):
    """As through a camera, which is not a file; what the window says is told by the colour below it and its change."""
    board, size = Image.new("RGB", photo.size, (200, 200, 200)), photo.size
    target = default_rules().decide(Predictor().predict(photo).probs).bin

    def strip(screen):
        return screen[size[1] : size[1] + 60, : size[0]]

    def is_said_on(colour):
        return lambda screen: has_strip(screen, (0, 0), size, colour)

    with Stream(photo) as stream, watching("--source", stream.address) as process:
        press("h")
        wait_for(display, is_said_on(target.colour))
        if os.environ.get("RECYCLENET_SCREENSHOT"):
            time.sleep(5)  # for figures that have settled
            screen = grab(display)
            screen.crop(screen.getbbox()).save(REPOSITORY / "docs" / "webcam.jpg", quality=90)

        stream.picture = board
        wait_for(display, is_said_on(PLAIN))
        empty = strip(np.asarray(grab(display)))
        stream.picture = None
        assert "trying again" in process.stderr.readline()
        wait_for(display, lambda screen: not np.array_equal(strip(screen), empty))
        assert is_said_on(PLAIN)(np.asarray(grab(display)))
        stream.picture = board
        assert "is back" in process.stderr.readline()
        wait_for(display, lambda screen: np.array_equal(strip(screen), empty))

        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 130
