"""From class folders to a file that answers: small models, errors, and a camera made of TrashNet's photos."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from PIL import Image, ImageFilter

from recyclenet.adapt.job import adapt
from recyclenet.adapt.photos import shots_of_one_thing
from recyclenet.adapt.views import views
from recyclenet.data.folder import open_photo_folder
from recyclenet.data.splits import PhotoRecord
from recyclenet.errors import RecycleNetError
from recyclenet.predictor import Predictor
from recyclenet.preprocess import PreprocessSpec
from tests.conftest import COLOURS, save_photo


@pytest.fixture
def mine(tmp_path, rng):
    """Six photos of each class by a camera that makes everything red, and six of a class of its own."""
    for label, (_, green, blue) in {**COLOURS, "wood": (0, 90, 20)}.items():
        for number in range(6):
            save_photo(tmp_path / "mine" / label / f"{number}.png", (240, green, blue), rng)
    return tmp_path / "mine"


def test_views_are_squares_the_first_of_them_plain(rng):
    photo = Image.fromarray(rng.integers(0, 256, (90, 140, 3), dtype=np.uint8))
    spec = PreprocessSpec(img_size=64, resize=72)
    made = list(views(photo, spec, 6, seed=4))
    assert {view.size for view in made} == {(64, 64)}
    assert made[0].tobytes() == spec.view(photo).tobytes()
    assert made[1].transpose(Image.Transpose.FLIP_LEFT_RIGHT).tobytes() == made[0].tobytes()
    assert len({view.tobytes() for view in made}) == 6
    assert [view.tobytes() for view in views(photo, spec, 6, seed=4)] == [view.tobytes() for view in made]
    assert len(list(views(photo, spec, 1, seed=4))) == 1


def test_shots_of_one_thing_are_grouped_within_a_class():
    features = np.float32([[1, 0], [1, 0.1], [0, 1], [1, 0]])
    records = [PhotoRecord(path, label, "train") for path, label in ("aA", "bA", "cA", "dB")]
    assert shots_of_one_thing(features, records, 1) == ({"a": "a", "b": "a", "c": "c", "d": "d"}, ())
    # Two groups of three photos are too few for three folds; a class with a single photo has all that it can have.
    assert shots_of_one_thing(features, records, 3) == ({"d": "d"}, ("A",))


def test_a_camera_and_a_new_class(either, mine, tmp_path, run):
    out = tmp_path / "new.onnx"
    code, printed, _ = run("adapt", either, "--data", mine, "-o", out, "--json")
    assert code == 0
    said = json.loads(printed)
    assert said["classes"] == ["glass", "paper", "metal", "wood"]
    assert said["all"]["total"] == 24
    assert said["known"]["total"] == 18
    assert said["all"]["after"] > said["all"]["before"]
    assert [item["is_new"] for item in said["per_class"]] == [False, False, False, True]
    assert said["remembered"] == "nothing"  # this model has no calibration
    new = Predictor(out)
    answers = [new.predict(path).label == path.parent.name for path in sorted(mine.glob("*/*.png"))]
    assert sum(answers) >= 20
    description = new.description
    assert description.calibration.photos == 24
    assert description.metrics["adapted_held_out_correct"] == said["all"]["after"]
    assert description.data["adapted_fingerprint"] == open_photo_folder(mine).fingerprint()
    assert description.training["adapted_photos"] == 24
    assert ("adapted head" in description.quantization.get("floats", "")) == bool(description.quantization)
    # What was adapted can be adapted again, now without a new class.
    again = adapt(out, tmp_path / "again.onnx", open_photo_folder(mine))
    assert not any(item.is_new for item in again.per_class)
    assert again.remembered == "nothing"


def test_a_name_of_its_own_and_a_word_on_bins(exported, mine, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    code, _, told = run("adapt", exported, "--data", f"{mine}/", "--json")
    assert code == 0
    assert "wood" in Predictor("model-mine.onnx").classes
    assert told.startswith("the rules say nothing of wood: ")
    assert told.endswith("give --rules a file with a line for each new class under [materials]\n")
    assert told.count("\n") == 1
    written = (tmp_path / "model-mine.onnx").read_bytes()
    code, _, told = run("adapt", exported, "--data", mine)
    assert (code, (tmp_path / "model-mine.onnx").read_bytes()) == (2, written)
    assert "model-mine.onnx is already there: give --out" in told
    shutil.rmtree(mine / "wood")
    code, _, told = run("adapt", exported, "--data", mine, "--out", "model-mine.onnx")
    assert (code, told) == (0, "")
    assert "wood" not in Predictor("model-mine.onnx").classes


@pytest.mark.parametrize("model", [[], ["bundled"]])
def test_the_bundled_model_by_its_word(model, mine, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr("recyclenet.adapt.job._open", lambda name: asked.append(name) or Predictor("stop"))
    code, _, told = run("adapt", *model, "--data", mine)
    assert (code, asked) == (2, [None])
    assert "no model at stop" in told
    (tmp_path / "bundled-mine.onnx").touch()
    assert "bundled-mine.onnx is already there" in run("adapt", *model, "--data", mine)[2]


def test_old_photos_are_replayed_and_say_what_was_kept(exported, mine, folder, tmp_path, run):
    out = tmp_path / "new.onnx"
    code, printed, _ = run("adapt", exported, "--data", mine, "--replay", folder.root, "-o", out)
    assert code == 0
    assert "wood (new)" in printed
    assert "val: " in printed
    assert "old photos that were replayed" in printed
    kept = adapt(exported, out, open_photo_folder(mine), replay=folder).kept
    assert kept.total == len(folder.split("val"))
    assert kept.after >= kept.before - 1


def test_a_broken_photo_is_skipped_by_name_and_many_are_refused(exported, mine, tmp_path, run):
    photo = (mine / "glass" / "0.png").read_bytes()
    (mine / "glass" / "torn.png").write_bytes(photo[: len(photo) // 2])
    out = tmp_path / "new.onnx"
    code, printed, told = run("adapt", exported, "--data", mine, "-o", out)
    assert code == 0
    assert "torn.png" in told
    assert "learnt from all photos" in printed
    for number in range(4):
        (mine / "wood" / f"torn{number}.png").write_bytes(b"torn")
    out.unlink()
    code, _, told = run("adapt", exported, "--data", mine, "-o", out)
    assert (code, out.exists()) == (2, False)
    assert "5 of 29 photos" in told
    assert "cannot be read" in told


def test_what_cannot_be_adapted(exported, mine, tmp_path, run):
    out = tmp_path / "new.onnx"

    def refused(*arguments):
        code, _, told = run("adapt", *arguments)
        assert code == 2
        assert not out.exists()
        return told

    assert "must end in .onnx" in refused(exported, "--data", mine, "-o", tmp_path / "new.bin")
    assert "first 'recyclenet export" in refused(exported.with_suffix(".safetensors"), "--data", mine, "-o", out)
    assert "does not exist" in refused(exported, "--data", tmp_path / "nowhere", "-o", out)
    graph = onnx.load(exported)
    del graph.graph.output[2]
    onnx.save(graph, tmp_path / "old.onnx")
    assert "no features to learn on: export" in refused(tmp_path / "old.onnx", "--data", mine, "-o", out)
    for number in range(1, 6):
        (mine / "wood" / f"{number}.png").unlink()
    assert "too few photos of wood (1)" in refused(exported, "--data", mine, "-o", out)
    shutil.rmtree(mine / "wood")
    (mine / "glass").rename(mine / "Glass")
    assert "differs from the model's glass in case alone" in refused(exported, "--data", mine, "-o", out)
    shutil.rmtree(mine / "Glass")
    shutil.rmtree(mine / "metal")
    assert "only the class 'paper'" in refused(exported, "--data", mine, "-o", out)


def test_too_many_photos_are_for_training(exported, mine, tmp_path, monkeypatch):
    monkeypatch.setattr("recyclenet.adapt.job.MOST_PHOTOS", 23)
    with pytest.raises(RecycleNetError, match="24 photos, adapting takes 23 at most"):
        adapt(exported, tmp_path / "new.onnx", open_photo_folder(mine))


def test_adapting_loads_no_torch():
    code = "import sys, recyclenet.adapt.job, recyclenet.cli.adapt; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def camera(photo: Image.Image) -> Image.Image:
    """A bad one: red and blue in each other's place, dark, out of focus."""
    red, green, blue = photo.convert("RGB").filter(ImageFilter.GaussianBlur(2.0)).split()
    return Image.merge("RGB", (blue.point(lambda v: v * 0.4), green.point(lambda v: v * 0.4), red))


def test_a_bad_camera_gains_and_trashnet_is_kept(trashnet, tmp_path, run):
    """The bundled model on val photos by a bad camera: 12 of each class to learn from, 12 others to ask about."""
    taken: dict[str, int] = {}
    for record in open_photo_folder(trashnet).split("val"):
        number = taken[record.label] = taken.get(record.label, 0) + 1
        if number <= 24 and record.label in ("glass", "paper", "plastic", "metal"):
            path = tmp_path / ("mine" if number <= 12 else "others") / record.label / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(trashnet / record.path) as photo:
                camera(photo).save(path, quality=90)
    out = tmp_path / "mine.onnx"
    code, printed, _ = run("adapt", "--data", tmp_path / "mine", "-o", out, "--json")
    assert code == 0
    said = json.loads(printed)
    assert said["remembered"] == "imagined"
    assert said["known"]["after"] >= said["known"]["before"] + 3

    def right(*model):
        code, printed, _ = run("predict", tmp_path / "others", *model, "--json")
        assert code == 0
        answers = [json.loads(line) for line in io.StringIO(printed)]
        return sum(answer["label"] == answer["path"].split("/")[-2] for answer in answers)

    assert right("--model", out) >= right() + 5
    old, new = Predictor(), Predictor(out)
    test = open_photo_folder(trashnet).split("test")[::8]
    kept = [[model.predict(trashnet / r.path).label == r.label for r in test] for model in (old, new)]
    assert sum(kept[1]) >= sum(kept[0]) - 3
