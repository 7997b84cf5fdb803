"""Runs that learn trained networks' answers beside the labels."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from recyclenet.checkpoint import load_classifier, read_checkpoint, save_checkpoint
from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.errors import RecycleNetError
from recyclenet.metrics import softmax
from recyclenet.preprocess import PreprocessSpec
from recyclenet.training.device import choose_compute
from recyclenet.training.settings import create_spec
from recyclenet.training.sources import PhotoSource
from recyclenet.training.teachers import Teachers, load_teachers
from tests.training.published import ARCH, photos_and_weights
from tests.training.test_loop import NO_LIMIT, StopAfter, same, train, weights

CPU = choose_compute("cpu", "fp32")
SAME = (torch.ones(3), torch.zeros(3))
LEARNS = Recipe(
    name="learns", epochs=2, lr=5e-3, batch_size=16, ema_decay=0.9, img_size=32, resize=36, precision="fp32",
)  # fmt: skip


def linear(seed, statistics=False):
    torch.manual_seed(seed)
    layers = [nn.Flatten(), nn.Linear(3 * 4 * 4, 3)]
    return nn.Sequential(nn.BatchNorm2d(3), *layers) if statistics else nn.Sequential(*layers)


def test_the_loss_is_the_softened_divergence_from_the_teachers_mean():
    networks = [linear(1), linear(2)]
    images, logits = torch.randn(5, 3, 4, 4), torch.randn(5, 3)
    answers = [softmax(network(images).detach().double().numpy() / 2) for network in networks]
    mean, learnt = (answers[0] + answers[1]) / 2, softmax(logits.double().numpy() / 2)
    wanted = 4 * np.mean((mean * np.log(mean / learnt)).sum(axis=1))  # T² · KL(mean ‖ learnt), T = 2
    assert wanted > 0.05
    assert float(Teachers(networks, [SAME, SAME]).loss(images, logits)) == pytest.approx(wanted, rel=1e-5)
    assert float(Teachers(networks[:1], [SAME]).loss(images, networks[0](images))) == pytest.approx(0, abs=1e-6)


def test_nothing_flows_into_teachers_and_their_statistics_stay():
    network = linear(1, statistics=True)
    teachers = Teachers([network], [SAME])
    before = {name: tensor.clone() for name, tensor in teachers.state_dict().items()}
    images = torch.randn(5, 3, 4, 4, requires_grad=True)
    logits = torch.randn(5, 3, requires_grad=True)
    teachers.loss(images, logits).backward()
    assert logits.grad.abs().sum() > 0
    assert images.grad is None
    assert not any(parameter.requires_grad for parameter in teachers.parameters())
    assert same(teachers.state_dict(), before)


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A folder with photos in three classes, weights to start from, and a teacher's run on these photos."""
    root = photos_and_weights(tmp_path_factory.mktemp("school"))
    config = TrainConfig(
        data=str(root / "photos"), model=ModelConfig(arch="test_resnet", attn="se"), recipe=replace(LEARNS, epochs=4),
        pretrained="none", mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3), seed=3, workers=0, device="cpu",
    )  # fmt: skip
    train(config, root / "teacher")
    return root


@pytest.fixture
def taught(school, tmp_path):
    """Settings for photos in three classes, with a teacher of another network and of other colours."""
    root = shutil.copytree(school, tmp_path, dirs_exist_ok=True)
    return TrainConfig(
        data=str(root / "photos"), model=ModelConfig(arch=ARCH, attn="recyclenet"), recipe=LEARNS, seed=4,
        pretrained=str(root / "w.safetensors"), teachers=(str(root / "teacher" / "last.safetensors"),),
        mean=(0.5,) * 3, std=(0.5,) * 3, workers=0, device="cpu",
    )  # fmt: skip


def test_a_teacher_sees_the_photo_in_the_colours_that_it_knows(taught):
    network, description = load_classifier(taught.teachers[0])
    photo = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8))
    own, learners = description.preprocess, PreprocessSpec(32, 36, (0.5,) * 3, (0.5,) * 3)
    images = torch.from_numpy(learners(photo))[None]
    with torch.no_grad():
        wanted = network.eval()(torch.from_numpy(own(photo))[None])
    teachers = load_teachers(taught, description.classes, learners, CPU)
    assert float(teachers.loss(images, wanted)) == pytest.approx(0, abs=1e-6)
    assert float(teachers.loss(images / 2, wanted)) > 1e-4


def train_loss(run):
    header, row = (run / "metrics.csv").read_text().split("\n")[:2]
    return float(dict(zip(header.split(","), row.split(","), strict=True))["train_loss"])


def test_the_loss_goes_from_the_labels_to_the_teachers_by_their_share(taught, tmp_path):
    """At the first step, of one batch that holds every photo, nothing has been learnt yet."""
    still = replace(LEARNS, epochs=1, lr=0.0, batch_size=64, label_smoothing=0.1, ema_decay=0.0)
    losses = {}
    for share in (0.0, 0.25, 1.0):
        train(replace(taught, recipe=replace(still, distill=share)), tmp_path / str(share))
        losses[share] = train_loss(tmp_path / str(share))
    train(replace(taught, recipe=still, teachers=()), tmp_path / "alone")
    assert losses[0.0] == pytest.approx(train_loss(tmp_path / "alone"), rel=1e-6)
    assert abs(losses[1.0] - losses[0.0]) > 0.05
    assert losses[0.25] == pytest.approx(0.75 * losses[0.0] + 0.25 * losses[1.0], rel=1e-4)


def test_what_is_learnt_is_what_the_teachers_say_where_nothing_else_counts(taught, tmp_path):
    folder = open_photo_folder(taught.data)
    far = {}
    for share in (0.0, 1.0):
        config = replace(taught, recipe=replace(LEARNS, epochs=6, distill=share, ema_decay=0.0, label_smoothing=0.3))
        train(config, tmp_path / str(share))
        network, _ = load_classifier(tmp_path / str(share) / "last.safetensors")
        spec = create_spec(config)
        teachers = load_teachers(config, folder.classes, spec, CPU)
        batches = PhotoSource(config, folder, spec, NO_LIMIT).val_batches()
        with torch.no_grad():
            far[share] = np.mean([float(teachers.loss(images, network.eval()(images))) for images, _ in batches])
    assert far[1.0] < 0.7 * far[0.0], far


def test_a_stopped_run_ends_as_an_unbroken_one(taught, tmp_path, monkeypatch):
    config = replace(taught, recipe=replace(LEARNS, mixup=0.2, keep=0.1))
    train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr("recyclenet.training.loop.StopRequest", lambda: StopAfter(2))
        assert train(config, tmp_path / "stopped").stopped_by
    train(config, tmp_path / "stopped", resume=True)
    pair = [weights(tmp_path / run / "last.safetensors") for run in ("whole", "stopped")]
    assert same(*pair)
    assert not any("teacher" in name for name in pair[0]), "teachers do not go into the checkpoint"
    said = read_checkpoint(tmp_path / "whole" / "last.safetensors").description.training
    assert said["teachers"] == "teacher/last.safetensors"


def test_a_run_does_not_go_on_with_another_teacher(taught, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("recyclenet.training.loop.StopRequest", lambda: StopAfter(2))
        train(taught, tmp_path / "run")
    teacher = tmp_path / "teacher" / "last.safetensors"
    other = read_checkpoint(teacher)
    save_checkpoint(teacher, {**other.weights, "head.bias": other.weights["head.bias"] + 1}, other.description)
    with pytest.raises(RecycleNetError, match="pretrained weights or teachers that the run keeps to: others"):
        train(taught, tmp_path / "run", resume=True)
    teacher.unlink()
    with pytest.raises(RecycleNetError, match="no checkpoint at"):
        train(taught, tmp_path / "run", resume=True)


def test_a_teacher_of_other_classes_is_refused(taught, tmp_path):
    photos = tmp_path / "photos"
    (photos / "metal").rename(photos / "tins")
    (photos / "splits.csv").unlink()
    split_photo_folder(photos)
    with pytest.raises(RecycleNetError, match="cannot teach this: it answers with glass, paper, metal, and the photos"):
        train(taught, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_command_takes_several_teachers_and_refuses_features_computed_once(taught, tmp_path, run):
    recipe = tmp_path / "short.toml"
    recipe.write_text('name = "short"\nepochs = 1\nlr = 1e-3\nimg_size = 32\nresize = 36\nprecision = "fp32"\n')
    options = (
        "--data", taught.data, "--arch", ARCH, "--attn", "recyclenet", "--mean", "0.5", "--std", "0.5",
        "--pretrained", taught.pretrained, "--workers", "0", "--teacher", taught.teachers[0],
    )  # fmt: skip
    code, _, err = run("train", *options, "--recipe", recipe, "--teacher", taught.teachers[0], "--out", tmp_path / "a")
    assert code == 0, err
    said = read_checkpoint(tmp_path / "a" / "last.safetensors").description.training["teachers"]
    assert said == "teacher/last.safetensors, teacher/last.safetensors"
    code, _, err = run("train", *options, "--recipe", "fast", "--out", tmp_path / "b")
    assert code == 2
    assert "teachers look at photos: --set recipe.views=0" in err
