"""A run that starts from a trained model."""

import shutil
from dataclasses import replace

import pytest
import torch

from recyclenet.checkpoint import read_checkpoint
from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.data.folder import split_photo_folder
from recyclenet.errors import RecycleNetError
from tests.training.published import ARCH, photos_and_weights
from tests.training.test_loop import StopAfter, same, train, weights

LEARNS = Recipe(
    name="learns", epochs=2, lr=5e-3, batch_size=16, ema_decay=0.9, img_size=32, resize=36, precision="fp32",
)  # fmt: skip
STILL = replace(LEARNS, name="still", epochs=1, lr=0.0, start="probe")


def settings(root):
    return TrainConfig(
        data=str(root / "photos"), model=ModelConfig(arch=ARCH, attn="recyclenet"), recipe=LEARNS,
        pretrained=str(root / "w.safetensors"), mean=(0.5,) * 3, std=(0.5,) * 3, workers=0, device="cpu",
    )  # fmt: skip


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A folder with photos in three classes, weights, and a run on these photos."""
    root = photos_and_weights(tmp_path_factory.mktemp("first"))
    train(settings(root), root / "first")
    return root


@pytest.fixture
def trained(first, tmp_path):
    """Settings for photos in three classes, and a model that knows them to start from."""
    root = shutil.copytree(first, tmp_path, dirs_exist_ok=True)
    return replace(settings(root), init=str(root / "first" / "best.safetensors"))


def floats(tensors):
    return {name: tensor for name, tensor in tensors.items() if "running_" not in name and "num_b" not in name}


@pytest.mark.parametrize("pretrained", ["as it was", "none"])
def test_starts_where_the_model_stood_with_its_head(trained, tmp_path, pretrained):
    config = trained if pretrained == "as it was" else replace(trained, pretrained="none")
    train(replace(config, recipe=STILL), tmp_path / "run")
    before = weights(trained.init)
    assert same(before, weights(tmp_path / "run" / "start.safetensors")), "a head that fits is not fitted again"
    assert same(floats(before), floats(weights(tmp_path / "run" / "last.safetensors")))
    assert read_checkpoint(tmp_path / "run" / "last.safetensors").description.training["init"] == "best.safetensors"


def test_other_classes_get_a_head_of_their_own(trained, tmp_path):
    photos = tmp_path / "photos"
    (photos / "metal").rename(photos / "tins")
    (photos / "splits.csv").unlink()
    split_photo_folder(photos)
    train(replace(trained, recipe=STILL), tmp_path / "run")
    before, after = weights(trained.init), weights(tmp_path / "run" / "start.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"head.weight", "head.bias"}
    description = read_checkpoint(tmp_path / "run" / "best.safetensors").description
    assert description.classes == ("glass", "paper", "tins")
    assert description.metrics["val_correct"] >= 8, "the head was fitted to features that tell the colours apart"


def test_keeps_to_the_pretrained_answers_all_the_same(trained, tmp_path):
    found = []
    for keep in (0.0, 1.0):
        recipe = replace(LEARNS, epochs=1, keep=keep)
        train(replace(trained, recipe=recipe), tmp_path / str(keep))
        found.append(weights(tmp_path / str(keep) / "last.safetensors"))
    assert not same(*found)


def test_a_stopped_run_ends_as_an_unbroken_one_without_the_model_it_started_from(trained, tmp_path, monkeypatch):
    moved = tmp_path / "moved.safetensors"
    shutil.copy(trained.init, moved)
    config = replace(trained, init=str(moved), recipe=replace(LEARNS, start="probe", mixup=0.2))
    train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr("recyclenet.training.loop.StopRequest", lambda: StopAfter(1))
        assert train(config, tmp_path / "stopped").stopped_by
    moved.unlink()
    train(config, tmp_path / "stopped", resume=True)
    for name in ("start", "best", "last"):
        pair = (weights(tmp_path / run / f"{name}.safetensors") for run in ("whole", "stopped"))
        assert same(*pair)


def test_another_network_is_refused_with_the_difference(trained, tmp_path):
    other = replace(trained, model=ModelConfig(arch=ARCH, attn="se"))
    with pytest.raises(RecycleNetError, match="another network than asked for: attn: recyclenet → se"):
        train(other, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_command_takes_network_and_statistics_from_the_model(trained, tmp_path, run):
    recipe = tmp_path / "short.toml"
    recipe.write_text('name = "short"\nepochs = 1\nlr = 0.0\nimg_size = 32\nresize = 36\nprecision = "fp32"\n')
    options = ("--data", trained.data, "--recipe", recipe, "--workers", "0", "--pretrained", "none")
    code, _, err = run("train", *options, "--init", trained.init, "--out", tmp_path / "run")
    assert code == 0, err
    description = read_checkpoint(tmp_path / "run" / "last.safetensors").description
    assert description.model == trained.model
    assert description.preprocess.mean == (0.5, 0.5, 0.5)
    code, _, err = run("train", *options, "--init", trained.init, "--attn", "cbam", "--out", tmp_path / "other")
    assert code == 2
    assert "attn: recyclenet → cbam" in err
    code, _, err = run("train", *options, "--init", tmp_path / "none.safetensors", "--out", tmp_path / "other")
    assert code == 2
    assert "no checkpoint at" in err
