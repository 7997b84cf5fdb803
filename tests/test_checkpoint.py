import json
import stat

import pytest
import torch
from safetensors.torch import save_file

from recyclenet.checkpoint import TrainState, load_classifier, read_checkpoint, save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.models.factory import create_classifier
from recyclenet.preprocess import PreprocessSpec

CONFIG = ModelConfig(arch="test_efficientnet", attn="recyclenet")
DESCRIPTION = ModelDescription(CONFIG, ("a", "b", "c"), PreprocessSpec(), metrics={"val_accuracy": 0.5})


@pytest.fixture
def model():
    torch.manual_seed(0)
    return create_classifier(CONFIG, 3)


def test_round_trip(tmp_path, model):
    state = TrainState({"model.x": torch.arange(3)}, {"epoch": 4, "history": [{"a": 1.5}]})
    save_checkpoint(tmp_path / "m.safetensors", model.state_dict(), DESCRIPTION, state)
    back = read_checkpoint(tmp_path / "m.safetensors")
    assert back.description == DESCRIPTION
    assert back.weights.keys() == model.state_dict().keys()
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in back.weights.items())
    assert back.train_state.values == state.values
    assert torch.equal(back.train_state.tensors["model.x"], torch.arange(3))


def test_loaded_network_answers_the_same_in_eval_mode(tmp_path, model):
    save_checkpoint(tmp_path / "m.safetensors", model.state_dict(), DESCRIPTION)
    loaded, _ = load_classifier(tmp_path / "m.safetensors")
    images = torch.randn(2, 3, 64, 64)
    assert not loaded.training
    assert torch.equal(loaded(images), model.eval()(images))


def test_others_may_read_it(tmp_path, model):
    save_checkpoint(tmp_path / "m.safetensors", model.state_dict(), DESCRIPTION)
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "m.safetensors").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "plain").stat().st_mode
    )


def test_tensors_that_share_memory_are_kept(tmp_path):
    shared = torch.arange(4.0)
    save_checkpoint(tmp_path / "m.safetensors", {"a": shared, "b": shared}, DESCRIPTION)
    assert torch.equal(read_checkpoint(tmp_path / "m.safetensors").weights["b"], shared)


def write(path, tensors, metadata):
    save_file(tensors, path, metadata=metadata)
    return path


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-50]), "not a readable checkpoint"),
        (lambda path: path.write_bytes(b""), "not a readable checkpoint"),
        (lambda path: path.write_bytes(b"\x80\x04K\x01."), "not a readable checkpoint"),
        (lambda path: path.unlink(), "no checkpoint at"),
        (lambda path: (path.unlink(), path.mkdir()), r"is a folder.*best\.safetensors"),
        (lambda path: write(path, {"a": torch.zeros(1)}, {"format": "pt"}), "no recyclenet description"),
        (lambda path: write(path, {"a": torch.zeros(1)}, {METADATA_KEY: "{"}), "not JSON"),
        (lambda path: write(path, {"a": torch.zeros(1)}, {METADATA_KEY: DESCRIPTION.to_json()}), "do not fit"),
        (
            lambda path: write(
                path,
                {"a": torch.zeros(1)},
                {METADATA_KEY: json.dumps({**json.loads(DESCRIPTION.to_json()), "format": 2})},
            ),
            "later recyclenet",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path, model, damage, message):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, model.state_dict(), DESCRIPTION)
    damage(path)
    with pytest.raises(RecycleNetError, match=message):
        load_classifier(path)
