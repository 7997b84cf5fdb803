"""Fitting and storing: the temperature against scipy, files with nothing but their description changed."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from safetensors.torch import load_file
from scipy.optimize import minimize_scalar

from recyclenet.calibrate import calibrate, fit_temperature
from recyclenet.calibration import Calibration, calibrated_probs
from recyclenet.checkpoint import TrainState, read_checkpoint, save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.data.splits import PhotoRecord, write_splits
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Model, evaluate, load_model
from recyclenet.export import export
from recyclenet.metrics import mean_nll
from recyclenet.models.factory import create_classifier
from recyclenet.predictor import Predictor, read_model
from recyclenet.preprocess import PreprocessSpec
from recyclenet.redescribe import write_description
from tests.conftest import save_photo

CALIBRATION = Calibration(0.5, 0.95, "lac", 0.25, 100, "ab12")


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_temperature_against_scipy(rng, scale):
    logits = rng.normal(size=(400, 5)) * 2
    targets = np.array([rng.choice(5, p=np.exp(row) / np.exp(row).sum()) for row in logits])
    found = fit_temperature(logits * scale, targets)
    best = minimize_scalar(lambda t: mean_nll(logits * scale / t, targets), bounds=(0.05, 20), method="bounded").x
    assert found == pytest.approx(best, rel=1e-4)
    assert found == pytest.approx(scale, rel=0.2)  # the logits were the truth before they were scaled


@pytest.mark.parametrize("a", [0.5, 2.0, 7.0])
def test_temperature_by_hand(a):
    """Four answers as sure as each other, three right: probabilities should be 3/4, so 2a / T = ln 3."""
    logits = np.array([[a, -a], [-a, a], [a, -a], [a, -a]])
    assert fit_temperature(logits, np.array([0, 1, 0, 1])) == pytest.approx(2 * a / np.log(3), rel=1e-4)


def test_a_temperature_for_a_model_that_is_always_right_or_wrong():
    logits = np.eye(3) * 5
    assert fit_temperature(logits, np.arange(3)) == pytest.approx(0.05)
    assert fit_temperature(logits, np.array([1, 2, 0])) == pytest.approx(20)


def test_probabilities_by_hand():
    probs = calibrated_probs(np.float32([[0, np.log(3) / 2]]), CALIBRATION)
    assert probs == pytest.approx(np.array([[0.25, 0.75]]))
    assert CALIBRATION.possible(probs[0], ("a", "b")) == ("b",)
    assert replace(CALIBRATION, set_threshold=0.76).possible(probs[0], ("a", "b")) == ("b", "a")


@pytest.fixture
def folder(tmp_path, rng):
    """60 photos a class that colour tells apart, split: 40 train, 10 val, 10 test."""
    root = tmp_path / "many"
    records = []
    for label, colour in {"glass": (60, 160, 80), "metal": (120, 125, 135)}.items():
        for number in range(60):
            path = f"{label}/{number}.jpg"
            save_photo(root / path, colour, rng, size=(48, 40))
            records.append(PhotoRecord(path, label, ("train", "train", "train", "train", "val", "test")[number % 6]))
    write_splits(root / "splits.csv", records)
    return open_photo_folder(root)


def by_green(images):
    values = 3 * (images.mean(axis=(2, 3))[:, 1] - 0.5)
    return np.stack([values, -values], axis=1).astype(np.float32)


def model(features_of=None):
    spec = PreprocessSpec(img_size=32, resize=32, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return Model("m", "onnx", ModelDescription(ModelConfig(), ("glass", "metal"), spec), by_green, features_of)


def test_val_alone_decides(folder):
    fitted = calibrate(model(), folder)
    made, val = fitted.calibration, evaluate(model(), folder, "val")
    assert made.photos == len(val.records) == 20
    assert made.temperature == pytest.approx(fit_temperature(val.logits, val.targets))
    assert made.fingerprint == folder.fingerprint()
    assert made.unknown is None
    seen = calibrate(model(lambda images: (by_green(images), images.mean(axis=3).reshape(len(images), -1))), folder)
    assert seen.calibration.unknown.features == 3 * 32
    assert replace(seen.calibration, unknown=None) == made


def test_too_small_a_val(class_folders):
    with pytest.raises(RecycleNetError, match="95 % of the time need at least 19 photos"):
        calibrate(replace(model(), description=replace(model().description, classes=("glass", "metal", "paper")),
                          logits_of=lambda images: np.zeros((len(images), 3), np.float32)),
                  split_photo_folder(class_folders))  # fmt: skip


def test_an_onnx_file_keeps_all_but_its_description(tmp_path):
    (tmp_path / "m.onnx").write_bytes(read_model(None))
    description = replace(Predictor().description, calibration=CALIBRATION)
    write_description(tmp_path / "m.onnx", description, tmp_path / "out.onnx")
    assert Predictor(tmp_path / "out.onnx").description == description
    assert onnx.load(tmp_path / "out.onnx").graph == onnx.load(tmp_path / "m.onnx").graph
    side = description.preprocess.img_size
    images = np.random.default_rng(0).normal(size=(2, 3, side, side)).astype(np.float32)
    for one, other in zip(Predictor().outputs(images), Predictor(tmp_path / "out.onnx").outputs(images), strict=True):
        assert np.array_equal(one, other)


def test_other_metadata_stays(tmp_path):
    proto = onnx.load_from_string(read_model(None))
    proto.metadata_props.add(key="other", value="kept")
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    write_description(tmp_path / "m.onnx", Predictor().description, tmp_path / "m.onnx")
    assert {item.key for item in onnx.load(tmp_path / "m.onnx").metadata_props} == {"recyclenet", "other"}


@pytest.fixture
def checkpoint(tmp_path):
    config = ModelConfig(arch="test_efficientnet", attn="recyclenet")
    network = create_classifier(config, 2)
    description = ModelDescription(config, ("glass", "metal"), PreprocessSpec(img_size=32, resize=36))
    state = TrainState({"a": network.head.weight.detach() * 2}, {"epoch": 3})
    save_checkpoint(tmp_path / "c.safetensors", network.state_dict(), description, state)
    return tmp_path / "c.safetensors"


def test_a_checkpoint_keeps_all_but_its_description(checkpoint, tmp_path):
    before = load_file(checkpoint)
    description = replace(read_checkpoint(checkpoint).description, calibration=CALIBRATION)
    write_description(checkpoint, description, checkpoint)
    after = load_file(checkpoint)
    assert before.keys() == after.keys()
    assert all(before[name].equal(after[name]) for name in before)
    assert read_checkpoint(checkpoint).description == description
    assert read_checkpoint(checkpoint).train_state.values == {"epoch": 3}
    with pytest.raises(RecycleNetError, match=r"must end in \.safetensors"):
        write_description(checkpoint, description, tmp_path / "c.onnx")
    with pytest.raises(RecycleNetError, match=r"only \.onnx and \.safetensors files hold a description"):
        write_description(tmp_path / "c.pth.tar", description, tmp_path / "d.pth.tar")


def test_the_command_and_what_becomes_of_it_in_an_export(checkpoint, folder, tmp_path, run):
    code, out, err = run("calibrate", checkpoint, "--data", folder.root)
    assert code == 0, err
    assert "on 20 val photos ECE" in out
    made = load_model(checkpoint).description.calibration
    assert made.unknown is not None
    export(checkpoint, tmp_path / "m.onnx", [folder.root / "glass/0.jpg"])
    assert Predictor(tmp_path / "m.onnx").description.calibration == made
    code, out, err = run("predict", "--json", "--model", tmp_path / "m.onnx", folder.root / "glass/0.jpg")
    assert (code, err) == (0, "")
    assert '"unknown": 0.' in out
    bare = replace(Predictor(tmp_path / "m.onnx").description, calibration=None)
    write_description(tmp_path / "m.onnx", bare, tmp_path / "bare.onnx")
    code, out, err = run("predict", "--json", "--model", tmp_path / "bare.onnx", folder.root / "glass/0.jpg")
    assert code == 0
    assert '"set": null, "unknown": null' in out
    assert "bare.onnx has no calibration" in err
