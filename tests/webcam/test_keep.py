import json

import numpy as np
import pytest
from PIL import Image

from recyclenet import Predictor
from recyclenet.rules import ASK, Bin, default_rules
from recyclenet.webcam.answer import Answer
from recyclenet.webcam.capture import Frame
from recyclenet.webcam.keep import Keeper
from tests.webcam.fakes import MOMENT


@pytest.fixture
def frame(trashnet):
    return Frame(Image.open(trashnet / "dataset-resized/metal/metal1.jpg").convert("RGB"), 12, 0.4, MOMENT)


def kept(folder, frame, shown, rules=None):
    reports = []
    keeper = Keeper(folder, Predictor(threads=1).predict, rules or default_rules(), reports.append)
    keeper.keep(frame, shown)
    keeper.close()
    return reports


def test_the_frame_and_its_own_answer(tmp_path, frame):
    shown = Answer("glass", 0.75, Bin("glass bin", "#123456"))
    reports = kept(tmp_path / "new" / "folder", frame, shown)
    photo, answer = sorted((tmp_path / "new" / "folder").iterdir())
    assert reports == [f"saved {photo}"]
    assert photo.name == f"{MOMENT.astimezone():%Y%m%d-%H%M%S}-678000.jpg"
    assert answer == photo.with_suffix(".json")
    saved = Image.open(photo)
    assert (saved.format, saved.size) == ("JPEG", frame.picture.size)
    assert np.abs(np.asarray(saved, int) - np.asarray(frame.picture, int)).mean() < 2
    wanted = Predictor().predict(frame.picture)
    table = json.loads(answer.read_text())
    assert table.pop("prob") == pytest.approx(wanted.prob, abs=1e-6)
    assert table.pop("probs") == pytest.approx(wanted.probs, abs=1e-6)
    assert table.pop("unknown") == pytest.approx(wanted.unknown, abs=1e-6)
    assert table == {
        "time": "2026-01-02T03:04:05.678+00:00",
        "frame": 12,
        "label": "metal",
        "set": list(wanted.possible),
        "bin": default_rules().bin_for("metal").name,
        "shown": {"label": "glass", "prob": 0.75, "bin": "glass bin"},
    }


def test_what_is_unknown_goes_into_no_bin(tmp_path, frame, rng):
    noise = Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8))
    assert Predictor().predict(noise).is_unknown
    kept(tmp_path, Frame(noise, 1, 0.0, MOMENT), None)
    table = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert (table["bin"], table["shown"]) == (ASK.name, None)


def test_a_folder_that_cannot_be_is_reported(tmp_path, frame):
    (tmp_path / "file").touch()
    (report,) = kept(tmp_path / "file", frame, None)
    assert report.startswith("not saved: cannot write ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
