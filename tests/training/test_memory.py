from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from recyclenet.checkpoint import load_classifier
from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.errors import RecycleNetError
from recyclenet.metrics import softmax
from recyclenet.models.factory import create_classifier
from recyclenet.models.pretrained import load_pretrained
from recyclenet.models.stages import split_backbone
from recyclenet.training.device import choose_compute
from recyclenet.training.memory import Memory, remember
from recyclenet.training.settings import check_settings, create_spec
from recyclenet.training.sources import PhotoSource
from tests.training.published import ARCH, OLD_CLASSES, publish
from tests.training.test_loop import NO_LIMIT, same, train, weights

CPU = choose_compute("cpu", "fp32")
RECIPE = Recipe(
    name="keeping", epochs=2, lr=3e-3, batch_size=8, keep=10.0, img_size=32, resize=36, precision="fp32", augment="none"
)


def keeping(data, pretrained, **recipe):
    return TrainConfig(
        data=str(data),
        model=ModelConfig(arch=ARCH, attn="recyclenet"),
        recipe=replace(RECIPE, **recipe),
        pretrained=str(pretrained),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        workers=0,
        device="cpu",
    )


@pytest.fixture
def published(tmp_path):
    publish(tmp_path / "published.safetensors")
    return tmp_path / "published.safetensors"


def test_the_difference_is_0_at_the_start_and_the_softened_divergence_after():
    torch.manual_seed(1)
    upper = nn.Conv2d(3, 5, 1)
    weight, bias = torch.randn(7, 5), torch.randn(7)
    memory = Memory(upper, weight.clone(), bias.clone())
    lowered = torch.randn(4, 3, 2, 3)
    features = upper(lowered).detach()
    assert float(memory.difference(lowered, features)) == pytest.approx(0, abs=1e-6)
    moved = features + torch.randn_like(features)
    before, after = (
        softmax((values.mean(dim=(2, 3)) @ weight.T + bias).double().numpy() / 2) for values in (features, moved)
    )
    wanted = 4 * np.mean((before * np.log(before / after)).sum(axis=1))  # T² · KL(before ‖ after), T = 2
    assert wanted > 0.1
    assert float(memory.difference(lowered, moved)) == pytest.approx(wanted, rel=1e-5)


def test_nothing_flows_into_the_memory_and_its_statistics_stay():
    torch.manual_seed(1)
    memory = Memory(nn.Sequential(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5)), torch.randn(7, 5), torch.randn(7))
    before = {name: tensor.clone() for name, tensor in memory.state_dict().items()}
    lowered = torch.randn(4, 3, 2, 3, requires_grad=True)
    features = torch.randn(4, 5, 2, 3, requires_grad=True)
    memory.difference(lowered, features).backward()
    assert features.grad.abs().sum() > 0
    assert lowered.grad is None
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in memory.parameters())
    assert same(memory.state_dict(), before)


def test_the_divergence_is_in_full_precision_also_where_the_network_is_not():
    torch.manual_seed(1)
    memory = Memory(nn.Identity(), torch.randn(7, 5), torch.randn(7))
    lowered = torch.randn(4, 5, 2, 3).bfloat16()
    moved = (lowered + 0.5 * torch.randn(4, 5, 2, 3)).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = memory.difference(lowered, moved)
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, memory.difference(lowered.float(), moved.float()))


@pytest.mark.parametrize("conv_head", [False, True])
@pytest.mark.parametrize("trained_stages", [-1, 1])
def test_what_is_remembered_is_the_published_network(tmp_path, conv_head, trained_stages):
    state = publish(tmp_path / "w.safetensors", conv_head=conv_head)
    config = keeping(tmp_path, tmp_path / "w.safetensors", trained_stages=trained_stages)
    memory = remember(config, CPU)
    assert torch.equal(memory.weight, state["classifier.weight"].reshape(OLD_CLASSES, -1))
    assert torch.equal(memory.bias, state["classifier.bias"])
    backbone = create_classifier(config.model, 3).backbone.eval()
    report = load_pretrained(backbone, config.model, config.pretrained)
    assert report.head.keys() == {"classifier.weight", "classifier.bias"} == set(report.left_out)
    lower, _ = split_backbone(backbone, trained_stages)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(memory.upper(lower(images)), backbone(images))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda s: (s.pop("classifier.weight"), s.pop("classifier.bias")), "not none"),
        (lambda s: s.pop("classifier.bias"), r"not classifier\.weight:"),
        (lambda s: s.update({"classifier.more": torch.zeros(OLD_CLASSES, 256)}), r"classifier\.more"),
        (lambda s: s.update({"classifier.bias": torch.zeros(3)}), r"classifier\.bias"),
        (lambda s: s.update({"classifier.weight": torch.zeros(OLD_CLASSES, 10)}), r"classifier\.weight"),
        (lambda s: s.update({"classifier.weight": torch.zeros(OLD_CLASSES, 256, 3, 3)}), r"classifier\.weight"),
    ],
    ids=["no head", "no bias", "two layers", "another bias", "other features", "3×3"],
)
def test_weights_without_a_linear_head_are_refused(tmp_path, damage, named):
    state = publish(tmp_path / "w.safetensors")
    damage(state)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(RecycleNetError, match=rf"needs weights that come with their linear head, .*{named}.*keep=0"):
        remember(keeping(tmp_path, tmp_path / "w.safetensors"), CPU)


def test_half_precision_weights_are_remembered_in_float32(tmp_path):
    state = publish(tmp_path / "w.safetensors")
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    save_file(halves, tmp_path / "w.safetensors")
    memory = remember(keeping(tmp_path, tmp_path / "w.safetensors"), CPU)
    assert memory.weight.dtype == memory.bias.dtype == torch.float32


def test_settings_that_have_nothing_to_keep_are_refused(tmp_path, published):
    with pytest.raises(RecycleNetError, match=r"'keeping' keeps to .* --set recipe\.keep=0"):
        check_settings(replace(keeping(tmp_path, "none")))
    inside = ModelConfig(arch="resnet18", attn="se", attn_at="blocks")
    with pytest.raises(RecycleNetError, match=r"attention inside its blocks changes .*--attn-at final"):
        check_settings(replace(keeping(tmp_path, published), model=inside))
    check_settings(replace(keeping(tmp_path, published, keep=0.0), model=inside))


def test_keeping_holds_the_old_heads_answers(class_folders, tmp_path):
    split_photo_folder(class_folders)
    publish(tmp_path / "w.safetensors", folder=class_folders)
    drift = {}
    for keep in (0.0, 10.0):
        config = keeping(class_folders, tmp_path / "w.safetensors", keep=keep, batch_size=21, epochs=4)
        out = tmp_path / f"keep-{keep}"
        train(config, out)
        model, _ = load_classifier(out / "last.safetensors")
        source = PhotoSource(config, open_photo_folder(class_folders), create_spec(config), NO_LIMIT)
        memory = remember(config, CPU)
        with torch.no_grad():
            drift[keep] = sum(float(memory.difference(*source.parts(model, x))) for x, _ in source.val_batches())
    assert drift[10.0] < 0.7 * drift[0.0], drift
    first, second = (weights(tmp_path / f"keep-{keep}" / "last.safetensors") for keep in (0.0, 10.0))
    assert first.keys() == second.keys(), "the memory does not go into the checkpoint"


def test_the_loss_is_what_it_was_plus_the_weighted_difference(class_folders, tmp_path, published):
    """At the first step of a run with nothing random in it, both parts can be computed beforehand."""
    split_photo_folder(class_folders)
    losses = {}
    for keep in (0.0, 1.0, 2.0):
        train(keeping(class_folders, published, keep=keep, epochs=1, lr=0.0, batch_size=64), tmp_path / f"{keep}")
        header, row = ((tmp_path / f"{keep}" / "metrics.csv").read_text().split("\n"))[:2]
        losses[keep] = float(dict(zip(header.split(","), row.split(","), strict=True))["train_loss"])
    # Batch norm computes with the batch's statistics, the memory with its own: not 0 even here.
    assert losses[1.0] > losses[0.0]
    assert losses[2.0] - losses[0.0] == pytest.approx(2 * (losses[1.0] - losses[0.0]), rel=1e-3)
