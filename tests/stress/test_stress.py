"""The table of `stress`, with a model that reads one pixel: every answer is known."""

import json
import zlib

import numpy as np
import pytest
from PIL import Image

from recyclenet.calibration import Calibration
from recyclenet.config import ModelConfig
from recyclenet.data.folder import open_photo_folder
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Model
from recyclenet.preprocess import PreprocessSpec
from recyclenet.stress.elsewhere import measure_elsewhere
from recyclenet.stress.job import _seed, run_stress

CLASSES = ("blue", "red")


def reads_the_middle(images):
    """Blue or red, whichever channel of the middle pixel is brighter."""
    middle = images[:, :, images.shape[2] // 2, images.shape[3] // 2]
    return middle[:, [2, 0]].astype(np.float32)


@pytest.fixture
def model():
    spec = PreprocessSpec(32, 32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return Model("reader", "onnx", ModelDescription(ModelConfig(), CLASSES, spec), reads_the_middle)


def save(path, colour, size=(64, 48)):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", size, (225, 225, 225))
    picture.paste(colour, (20, 12, 44, 36))
    picture.save(path)


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        save(tmp_path / "d" / "red" / f"{number}.png", (220, 40, 40))
        save(tmp_path / "d" / "blue" / f"{number}.png", (40, 40, 220 if number else 30))  # one looks red to it
    return open_photo_folder(tmp_path / "d")


def test_counts(model, folder):
    seen = []
    found = run_stress(model, folder, "all", on_progress=lambda *place: seen.append(place))
    assert seen[-1] == (8, 8)
    assert (found.correct, found.total, found.split) == (7, 8, "all")
    rows = {row.condition.name: row for row in found.rows}
    for name in ("black", "turn-90", "dark", "jpeg-20", "blur-1"):
        row = rows[name]
        assert (row.correct, row.unchanged, row.total) == (7, 7, 8), name
        assert (row.comparison.better, row.comparison.worse, row.comparison.p_value) == (0, 0, 1)
        assert row.interval[0] < 7 / 8 < row.interval[1]
    table = found.to_table()
    assert json.loads(json.dumps(table)) == json.loads(json.dumps(table))
    assert [row["condition"] for row in table["conditions"]] == [row.condition.name for row in found.rows]


def test_a_model_that_a_change_fools(model, folder):
    """One that goes by brightness fails in the dark."""

    def reads_brightness(images):
        bright = images.mean(axis=(1, 2, 3)) > 0.2
        right = reads_the_middle(images)
        return np.where(bright[:, None], right, -right).astype(np.float32)

    fooled = Model("fooled", "onnx", model.description, reads_brightness)
    rows = {row.condition.name: row for row in run_stress(fooled, folder, "all").rows}
    dark = rows["dark"]
    assert (dark.correct, dark.unchanged) == (1, 7)
    assert (dark.comparison.better, dark.comparison.worse) == (1, 7)


def test_labels_that_the_model_does_not_know(model, folder, tmp_path):
    save(tmp_path / "d" / "green" / "0.png", (0, 200, 0))
    with pytest.raises(RecycleNetError, match="green, which the model does not know"):
        run_stress(model, open_photo_folder(tmp_path / "d"), "all")


def test_elsewhere_counts_either_answer_where_either_is_right(model, tmp_path):
    for number in range(3):
        save(tmp_path / "w" / "red" / f"{number}.png", (220, 40, 40) if number else (40, 40, 220))
        save(tmp_path / "w" / "red_or_blue" / f"{number}.png", (40, 40, 220))
    (tmp_path / "w" / "empty").mkdir()
    found = measure_elsewhere(model, tmp_path / "w")
    assert [(place.name, place.accepted, place.correct, place.total) for place in found.places] == [
        ("red", ("red",), 2, 3),
        ("red_or_blue", ("red", "blue"), 3, 3),
    ]
    assert (found.correct, found.total, found.strangers) == (5, 6, None)


def test_strangers_are_told_by_the_unknown_score(model, tmp_path):
    """A score that is the distance of the features from the mean: 0 for the known, large for the others."""
    save(tmp_path / "w" / "red" / "0.png", (220, 40, 40))
    save(tmp_path / "w" / "blue" / "0.png", (40, 40, 220))
    save(tmp_path / "w" / "unknown" / "0.png", (40, 220, 40))
    save(tmp_path / "w" / "unknown" / "1.png", (200, 30, 30))

    def features_of(images):
        middle = images[:, :, images.shape[2] // 2, images.shape[3] // 2]
        return reads_the_middle(images), np.stack([middle[:, 1], np.zeros(len(images))], axis=1).astype(np.float32)

    def strangeness(_self, _logits, features):
        return (features[:, 0] > 0).astype(float)

    calibration = Calibration(1.0, 0.95, "lac", 0.5, 10, "f", None)
    description = ModelDescription(ModelConfig(), CLASSES, model.description.preprocess, calibration=calibration)
    told = Model("told", "onnx", description, reads_the_middle, features_of)
    assert measure_elsewhere(told, tmp_path / "w").strangers is None, "no unknown score, nothing is claimed"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Calibration, "strangeness", strangeness)
        strangers = measure_elsewhere(told, tmp_path / "w").strangers
    assert (strangers.total, strangers.named, strangers.friends, strangers.misnamed) == (2, 1, 2, 0)
    assert strangers.auroc == 0.75  # one of two stands above both friends, the other is level with them


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ([], "no folder with photos of a class"),
        (["unknown"], "no folder with photos of a class"),
        (["green"], "named after no class: the model knows blue, red"),
        (["red_or_green"], "named after no class"),
    ],
)
def test_folders_that_make_no_sense(model, tmp_path, folders, message):
    (tmp_path / "w").mkdir()
    for name in folders:
        save(tmp_path / "w" / name / "0.png", (0, 0, 0))
    with pytest.raises(RecycleNetError, match=message):
        measure_elsewhere(model, tmp_path / "w")
    with pytest.raises(RecycleNetError, match="there is no folder"):
        measure_elsewhere(model, tmp_path / "nowhere")


def test_the_command(run, tmp_path):
    for name in ("glass", "metal"):
        for number in range(2):
            save(tmp_path / "d" / name / f"{number}.png", (90, 160, 90))
    code, out, err = run("stress", "--data", tmp_path / "d", "--split", "all", "--json", "--out", tmp_path / "s.json")
    assert code == 0, err
    table = json.loads(out)
    assert table == json.loads((tmp_path / "s.json").read_text())
    assert table["elsewhere"] is None
    assert table["changed"]["total"] == 4
    code, out, err = run("stress", "--elsewhere", tmp_path / "d")
    assert code == 0, err
    assert "photos from d" in out
    code, _, err = run("stress")
    assert code == 2
    assert "give --data, --elsewhere or both" in err


def test_names_that_are_not_unicode_have_a_seed_too():
    """As Linux gives those that are not: with surrogates."""
    assert _seed("blur", "caf\udce9.jpg") == zlib.crc32(b"blur caf\xe9.jpg")
