"""Runs that see every photo twice, on its board and on a made-up surface."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from recyclenet.checkpoint import load_classifier
from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.data.shots import take_shots
from recyclenet.training import loop
from recyclenet.training.device import choose_compute
from recyclenet.training.settings import create_spec
from recyclenet.training.sources import PhotoSource
from recyclenet.training.two_places import disagreement, in_turn
from tests.training.compiling import trace_steps
from tests.training.published import ARCH
from tests.training.test_loop import NO_LIMIT, StopAfter, same, train, weights

RECIPE = Recipe(
    name="two places", epochs=1, lr=0.0, batch_size=64, label_smoothing=0.1, augment="strong", consistency=0.7,
    img_size=32, resize=36, precision="fp32",
)  # fmt: skip


@pytest.fixture
def config(class_folders):
    split_photo_folder(class_folders)
    return TrainConfig(
        data=str(class_folders), model=ModelConfig(arch=ARCH, attn="recyclenet"), recipe=RECIPE, pretrained="none",
        mean=(0.5,) * 3, std=(0.5,) * 3, workers=0, device="cpu",
    )  # fmt: skip


def test_a_photos_views_follow_each_other():
    first, second = torch.randn(4, 3, 5, 7), torch.randn(4, 3, 5, 7)
    images = torch.cat([first, second], dim=1)
    for layout in (torch.contiguous_format, torch.channels_last):
        rows = in_turn(images.contiguous(memory_format=layout))
        assert torch.equal(rows[::2], first)
        assert torch.equal(rows[1::2], second)


def test_the_disagreement_by_hand_and_who_learns_from_it():
    """Boards say 1/2, 1/2 and 9/10, 1/10; elsewhere 1/4, 3/4 and the same: KL = (1/2 · ln 2 + 1/2 · ln 2/3) / 2."""
    logits = torch.tensor([[1 / 2, 1 / 2], [1 / 4, 3 / 4], [9 / 10, 1 / 10], [9 / 10, 1 / 10]]).log() + 3
    logits.requires_grad_(True)
    value = disagreement(logits)
    assert float(value.detach()) == pytest.approx((math.log(2) + math.log(2 / 3)) / 4, rel=1e-5)
    value.backward()
    assert torch.equal(logits.grad[[0, 2]], torch.zeros(2, 2)), "the board learns from its labels alone"
    # The gradient is (elsewhere − board) / 2 photos.
    torch.testing.assert_close(logits.grad[[1, 3]], torch.tensor([[-1 / 8, 1 / 8], [0, 0]]), rtol=1e-5, atol=1e-7)


def test_the_loss_has_both_views_and_how_far_they_are_apart(config, tmp_path):
    """One batch holds every photo, and nothing has been learnt yet."""
    train(config, tmp_path / "run")
    header, row = (tmp_path / "run" / "metrics.csv").read_text().split("\n")[:2]
    found = dict(zip(header.split(","), map(float, row.split(",")), strict=True))
    network, _ = load_classifier(tmp_path / "run" / "best.safetensors")
    source = PhotoSource(config, open_photo_folder(config.data), create_spec(config), NO_LIMIT)
    ((images, targets),) = source.train_batches(0, 0)
    with torch.no_grad():
        logits = network.train()(torch.stack([images[:, :3], images[:, 3:]], dim=1).flatten(0, 1)).double()
    board, elsewhere = logits[::2], logits[1::2]
    labels = sum(functional.cross_entropy(part, targets, label_smoothing=0.1) for part in (board, elsewhere)) / 2
    shares = board.softmax(dim=1)
    apart = (shares * (shares.log() - elsewhere.log_softmax(dim=1))).sum(dim=1).mean()
    assert float(apart) > 1e-3
    assert found["train_loss"] == pytest.approx(float(labels + 0.7 * apart), rel=1e-4)
    assert found["train_accuracy"] == pytest.approx(float((board.argmax(dim=1) == targets).double().mean()))


def test_answers_elsewhere_come_nearer(config, tmp_path):
    learns = replace(RECIPE, epochs=4, lr=5e-3, batch_size=6, shots=4)  # making surfaces takes the time here
    apart = {}
    for weight in (1e-6, 30.0):
        run = replace(config, recipe=replace(learns, consistency=weight))
        train(run, tmp_path / str(weight))
        network, _ = load_classifier(tmp_path / str(weight) / "last.safetensors")
        seen = take_shots(open_photo_folder(run.data), 4, run.seed)
        source = PhotoSource(run, seen, create_spec(run), NO_LIMIT)
        with torch.no_grad():
            batches = [images for images, _ in source.train_batches(9, 0)]
            apart[weight] = sum(float(disagreement(network.eval()(in_turn(images)))) for images in batches)
    assert apart[30.0] < 0.5 * apart[1e-6], apart


def test_a_stopped_run_ends_as_an_unbroken_one(config, tmp_path, monkeypatch):
    config = replace(config, recipe=replace(RECIPE, epochs=2, lr=5e-3, batch_size=6, mixup=0.2, cutmix=0.5, shots=4))
    train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(3))
        assert train(config, tmp_path / "stopped").epochs_done == 1
    train(config, tmp_path / "stopped", resume=True)
    assert same(weights(tmp_path / "whole" / "last.safetensors"), weights(tmp_path / "stopped" / "last.safetensors"))


def test_bfloat16_and_either_layout(config, tmp_path):
    assert choose_compute("cpu", "bf16").bf16
    for channels_last in (True, False):
        recipe = replace(RECIPE, precision="bf16", channels_last=channels_last, mixup=0.2, shots=4)
        assert train(replace(config, recipe=recipe), tmp_path / str(channels_last)).epochs_done == 1


def test_a_compiled_step_takes_whole_batches(config, tmp_path, monkeypatch):
    taken = trace_steps(monkeypatch)
    losses = {}
    for compiles in (False, True):
        run = replace(config, recipe=replace(RECIPE, batch_size=8, lr=1e-3, shots=7), compile=compiles)
        losses[compiles] = train(run, tmp_path / str(compiles)).best["train_loss"]
    assert taken == [16] * 2, "21 photos are two whole batches, and one of five"
    assert losses[True] == pytest.approx(losses[False], rel=1e-4)
