import re

import pytest
import torch

from recyclenet.checkpoint import load_classifier, save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.description import ModelDescription
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.models.factory import create_classifier
from recyclenet.original.checkpoint import OriginalCheckpoint, read_original, write_original
from recyclenet.preprocess import PreprocessSpec
from recyclenet.recipes import load_recipe
from tests.original.reference import forward, make_state, save_original


def test_there_and_back(tmp_path, run):
    state = make_state(18, ("channel", "spatial"))
    first = save_original(tmp_path / "model_best.pth.tar", state)
    code, printed, err = run("convert", first, tmp_path / "m.safetensors")
    assert (code, err) == (0, "")
    assert re.search(
        r"resnet18, attention recyclenet, 11,237,991 parameters, 6 classes \(glass, paper,.*93\.039", printed
    )
    code, again, err = run("convert", tmp_path / "m.safetensors", tmp_path / "back.pth.tar")
    assert code == 0, err
    assert again.split(": ", 1)[1] == printed.split(": ", 1)[1]
    table = torch.load(tmp_path / "back.pth.tar", weights_only=True)
    assert (table["epoch"], table["arch"], table["best_acc1"]) == (12, "resnet18_base", 93.039)
    assert table["state_dict"].keys() == state.keys()
    assert all(torch.equal(table["state_dict"][name], tensor) for name, tensor in state.items())
    assert table["optimizer"]["param_groups"][0]["params"] == list(range(68))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for path in ("m.safetensors", "back.pth.tar"):
            torch.testing.assert_close(
                load_classifier(tmp_path / path)[0](images), forward(state, images), atol=1e-5, rtol=0
            )


def test_the_best_accuracy_is_not_that_of_the_last_epoch(tmp_path, run):
    """A file of a run here: the description is of the last epoch, the best one came before."""
    config = ModelConfig(arch="resnet18")
    description = ModelDescription(
        config, TRASHNET_CLASSES, PreprocessSpec(), metrics={"val_accuracy": 0.5}, training={"epoch": 0}
    )
    weights = create_classifier(config, 6).state_dict()
    checkpoint = OriginalCheckpoint(description, weights, epoch=12, best_acc1=87.5)
    write_original(tmp_path / "checkpoint.pth.tar", checkpoint, load_recipe("paper"))
    for names in (("checkpoint.pth.tar", "m.safetensors"), ("m.safetensors", "back.pth.tar")):
        code, printed, err = run("convert", *(tmp_path / name for name in names))
        assert code == 0, err
        assert "best val accuracy 87.500 %" in printed
    back = read_original(tmp_path / "back.pth.tar")
    assert (back.best_acc1, back.epoch) == (87.5, 12)
    assert back.description.metrics["val_accuracy"] == 0.5


def test_what_cannot_be_converted_is_said(tmp_path, run):
    config = ModelConfig(arch="test_efficientnet")
    description = ModelDescription(config, TRASHNET_CLASSES, PreprocessSpec())
    save_checkpoint(tmp_path / "m.safetensors", create_classifier(config, 6).state_dict(), description)
    code, _, err = run("convert", tmp_path / "m.safetensors", tmp_path / "m.pth.tar")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "not test_efficientnet" in err
    assert not (tmp_path / "m.pth.tar").exists()


@pytest.mark.parametrize("names", [("a.pth", "b.pth.tar"), ("a.safetensors", "b.safetensors"), ("a.pth", "b.onnx")])
def test_endings_say_the_direction(tmp_path, run, names):
    code, _, err = run("convert", *(tmp_path / name for name in names))
    assert (code, len(err.splitlines())) == (2, 1)
    assert "one in .safetensors" in err
