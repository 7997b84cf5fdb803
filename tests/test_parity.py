import json

import numpy as np
import pytest

from recyclenet.config import ModelConfig
from recyclenet.data.splits import PhotoRecord
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Evaluation, Model
from recyclenet.metrics import score
from recyclenet.parity import compare, time_in_turn
from recyclenet.predictor import BUNDLED_MODEL
from recyclenet.preprocess import PreprocessSpec
from tests.conftest import REPOSITORY
from tests.quantize.conftest import checkpoint, exported, folder  # noqa: F401 (fixtures)

CLASSES = ("a", "b", "c")
TARGETS = [0, 0, 0, 1, 1, 1, 2, 2]
BUNDLED = REPOSITORY / "src/recyclenet/bundled" / BUNDLED_MODEL


def evaluation_of(name, answers, height=1.0):
    logits = (height * np.eye(3)[answers]).astype(np.float32)
    records = tuple(PhotoRecord(f"{i}.jpg", CLASSES[target], "test") for i, target in enumerate(TARGETS))
    model = Model(name, "onnx", ModelDescription(ModelConfig(), CLASSES, PreprocessSpec()), lambda images: logits)
    return Evaluation(model, "data", "test", "", records, logits, score(logits, np.array(TARGETS), CLASSES))


def test_counts_by_hand():
    first = evaluation_of("first", [0, 0, 1, 1, 1, 0, 2, 0])
    #                          against  0  0  0  1  1  1  2  2
    second = evaluation_of("second", [0, 1, 0, 1, 1, 2, 2, 1])
    pair = compare(first, second)
    assert (pair.first, pair.second, pair.total) == ("first", "second", 8)
    assert pair.agree == 4  # photos 0, 3, 4, 6
    assert pair.better == 1  # photo 2
    assert pair.worse == 1  # photo 1; 5 and 7 are wrong in both, in different ways
    assert pair.p_value == 1
    assert pair.largest_difference == 1
    assert pair.mean_difference == pytest.approx(4 * 2 / 24)
    # Three worse, none better: 2 · 1/8
    all_wrong = compare(evaluation_of("right", TARGETS), evaluation_of("off", [1, 1, 1, 1, 1, 1, 2, 2], 2.0))
    assert (all_wrong.better, all_wrong.worse, all_wrong.p_value) == (0, 3, 0.25)
    assert all_wrong.largest_difference == 2


def test_other_photos_are_refused():
    first, second = evaluation_of("first", TARGETS), evaluation_of("second", TARGETS)
    other = Evaluation(
        second.model, second.data, "val", "", tuple(reversed(second.records)), second.logits, second.scores
    )
    with pytest.raises(RecycleNetError, match="not measured on the same photos"):
        compare(first, other)


def test_times_are_taken_in_turn():
    first, second = time_in_turn([BUNDLED, BUNDLED], rounds=8, threads=1)
    assert first.ratio == first.quickest_ratio == 1
    assert second.ratio == pytest.approx(second.median / first.median)
    assert second.quickest_ratio == pytest.approx(second.quickest / first.quickest)
    assert first.quickest <= first.middle_half[0] <= first.median <= first.middle_half[1]


def test_command(trashnet, tmp_path, run):
    few = tmp_path / "few"
    for name in ("glass/glass12", "paper/paper70", "metal/metal159"):
        target = few / "test" / f"{name}.jpg"
        target.parent.mkdir(parents=True)
        target.write_bytes((trashnet / "dataset-resized" / f"{name}.jpg").read_bytes())
        link = few / "train" / f"{name}.jpg"
        link.parent.mkdir(parents=True)
        link.write_bytes(target.read_bytes())
    arguments = ["parity", BUNDLED, BUNDLED, "--data", few, "--rounds", 2, "--out", tmp_path / "parity.json"]
    code, out, err = run(*arguments)
    assert (code, err.strip()) == (0, "")
    assert "3 of 3" in out
    table = json.loads((tmp_path / "parity.json").read_text())
    assert [item["bytes"] for item in table["models"]] == 2 * [BUNDLED.stat().st_size]
    assert table["pairs"][0]["agree"] == 3
    assert len(table["timings"]) == 2
    code, out, _ = run(*arguments, "--json")
    assert json.loads(out)["pairs"] == table["pairs"]


def test_a_checkpoint_and_its_export(checkpoint, exported, folder, tmp_path, run):  # noqa: F811
    out = tmp_path / "parity.json"
    code, _, err = run(
        *("parity", checkpoint, exported, "--data", folder.root, "--split", "val", "--rounds", 1, "--out", out)
    )
    assert (code, err.strip()) == (0, "")
    table = json.loads(out.read_text())
    assert [item["name"] for item in table["models"]] == [str(checkpoint), str(exported)]
    assert [item["bytes"] for item in table["models"]] == [path.stat().st_size for path in (checkpoint, exported)]
    [pair] = table["pairs"]
    assert pair["agree"] == pair["total"] == len(folder.split("val"))
    assert pair["largest_difference"] < 1e-4
    assert [timing["model"] for timing in table["timings"]] == [str(exported)]  # torch is not timed


def test_bundled_is_its_checkpoint(folder, run):  # noqa: F811
    code, out, err = run("parity", "bundled", BUNDLED, "--data", folder.root, "--split", "val", "--json")
    assert (code, err.strip()) == (0, "")
    table = json.loads(out)
    assert [item["name"] for item in table["models"]] == ["bundled", str(BUNDLED)]
    assert table["models"][0]["bytes"] == BUNDLED.with_suffix(".safetensors").stat().st_size
    [pair] = table["pairs"]
    assert pair["total"] == len(folder.split("val"))
    assert 0 < pair["largest_difference"] < 1  # floats against 8 bits


def test_one_model_is_nothing_to_compare(tmp_path, run):
    code, _, err = run("parity", BUNDLED, "--data", tmp_path)
    assert code == 2
    assert "two models or more" in err
