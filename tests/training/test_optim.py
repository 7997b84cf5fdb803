import math

import pytest
import torch

from recyclenet.config import ModelConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.factory import create_classifier
from recyclenet.models.stages import stage_depths
from recyclenet.recipes import load_recipe, override
from recyclenet.training.objective import loss_of, mix_pairs
from recyclenet.training.optim import create_optimizer, lr_factor, set_lr

PAPER, BEST = load_recipe("paper"), load_recipe("best")


@pytest.mark.parametrize(("progress", "factor"), [(0, 1), (39.99, 1), (40, 0.1), (79.9, 0.1), (80, 0.01), (99.9, 0.01)])
def test_papers_steps(progress, factor):
    assert lr_factor(PAPER, progress) == pytest.approx(factor)


def test_warm_up_then_half_a_cosine():
    recipe = override(BEST, {"epochs": 10, "warmup": 0.2})
    assert lr_factor(recipe, 0) == 0
    assert lr_factor(recipe, 1) == 0.5
    assert lr_factor(recipe, 2) == 1
    assert lr_factor(recipe, 4) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert lr_factor(recipe, 10) == pytest.approx(0)


def test_fresh_parts_learn_faster_and_only_kernels_decay():
    model = create_classifier(ModelConfig(arch="resnet18", attn="se", attn_at="blocks"), 6)
    optimizer = create_optimizer(model, BEST, attn_in_blocks=True)
    where = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    named = dict(model.named_parameters())
    assert len(where) == len(named)
    for name, parameter in named.items():
        group = where[id(parameter)]
        fresh = name.startswith("head.") or ".se." in name
        assert group["peak_lr"] == pytest.approx(BEST.lr * (BEST.head_lr_scale if fresh else 1)), name
        assert group["weight_decay"] == (BEST.weight_decay if parameter.ndim > 1 else 0), name


def test_lower_stages_learn_slower():
    model = create_classifier(ModelConfig(arch="mobilenetv2_100"), 6)
    recipe = override(BEST, {"layer_decay": 0.5})
    rates = {id(p): group["peak_lr"] for group in create_optimizer(model, recipe).param_groups for p in group["params"]}
    backbone = model.backbone
    for part, depth in ((backbone.conv_stem, 7), (backbone.blocks[0], 6), (backbone.blocks[6], 0), (backbone.bn2, 0)):
        assert {rates[id(p)] for p in part.parameters()} == {BEST.lr * 0.5**depth}
    assert {rates[id(p)] for p in model.head.parameters()} == {BEST.lr * BEST.head_lr_scale}


def test_stages_of_a_resnet_by_depth():
    backbone = create_classifier(ModelConfig(arch="resnet18"), 6).backbone
    depths = stage_depths(backbone)
    assert depths.keys() == dict(backbone.named_parameters()).keys()
    assert {name.partition(".")[0]: depth for name, depth in depths.items()} == {
        "conv1": 4,
        "bn1": 4,
        "layer1": 3,
        "layer2": 2,
        "layer3": 1,
        "layer4": 0,
    }
    with pytest.raises(RecycleNetError, match=r"set recipe.layer_decay to 1"):
        stage_depths(torch.nn.Linear(2, 2))


def test_gates_of_many_inputs_learn_slower_with_adamw():
    model = create_classifier(ModelConfig(arch="resnet18", attn="recyclenet"), 6)
    rates = {id(p): group["peak_lr"] for group in create_optimizer(model, BEST).param_groups for p in group["params"]}
    full = BEST.lr * BEST.head_lr_scale
    attention = model.attention
    assert rates[id(attention.spatial_gate.conv.weight)] == pytest.approx(full * 1280 / (49 * 512))
    assert rates[id(attention.spatial_gate.conv.bias)] == full
    assert rates[id(attention.channel_gate.mlp[0].weight)] == full
    (paper,) = create_optimizer(model, PAPER).param_groups
    assert len(paper["params"]) == len(list(model.parameters()))


def test_one_step_does_not_shut_or_force_open_the_spatial_gate():
    """At the full rate the one step moves the gate's sum by 60: to exactly 0 or 1 at every inner place."""
    torch.manual_seed(0)
    model = create_classifier(ModelConfig(arch="mobilenetv2_100", attn="recyclenet"), 6)
    optimizer = create_optimizer(model, override(BEST, {"lr": 1e-3, "head_lr_scale": 1.0}))
    features = 2 * torch.rand(32, 1280, 7, 7)
    torch.nn.functional.cross_entropy(model.forward_head(features), torch.randint(6, (32,))).backward()
    before = model.attention.spatial_gate(features)
    optimizer.step()
    after = model.attention.spatial_gate(features)
    assert (after - before).abs().mean() > 0.05, "it learns"
    assert 0.01 < after.min() < after.max() < 0.99


def test_paper_decays_everything_at_one_rate():
    optimizer = create_optimizer(create_classifier(ModelConfig(arch="resnet18"), 6), PAPER)
    assert isinstance(optimizer, torch.optim.SGD)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (2e-4, 0.9, 1e-4)
    set_lr(optimizer, 0.1)
    assert group["lr"] == pytest.approx(2e-5)


def test_frozen_parameters_are_left_out():
    model = create_classifier(ModelConfig(arch="resnet18"), 6)
    model.backbone.requires_grad_(False)
    chosen = {id(p) for group in create_optimizer(model, BEST).param_groups for p in group["params"]}
    assert chosen == {id(p) for p in model.head.parameters()}


def test_mixing_blends_inputs_and_labels_alike():
    torch.manual_seed(0)
    targets = torch.tensor([0, 1, 2, 1])
    inputs = torch.nn.functional.one_hot(targets, 3).float()  # each input spells its own label
    mixed, shares = mix_pairs(inputs, targets, 3, alpha=1.0)
    torch.testing.assert_close(mixed, shares)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(4))
    assert not torch.equal(shares, inputs)
    assert (shares[torch.arange(4), targets] >= 0.5).all()


def test_a_pasted_rectangle_counts_by_its_area():
    torch.manual_seed(0)
    targets = torch.arange(6)
    inputs = targets.float()[:, None, None, None].expand(6, 3, 20, 30)  # every pixel spells its photo's label
    for _ in range(50):
        mixed, shares = mix_pairs(inputs, targets, 6, alpha=0, cutmix=1)
        pixels = torch.nn.functional.one_hot(mixed.long(), 6).float().mean(dim=(1, 2, 3))
        torch.testing.assert_close(pixels, shares)
        assert (shares[torch.arange(6), targets] >= 0.5).all()
        other = (mixed[:, 0] != inputs[:, 0]).any(dim=0)  # one rectangle for all, the same in every channel
        rows, columns = other.any(dim=1).nonzero(), other.any(dim=0).nonzero()
        if len(rows):
            assert other[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
    assert (inputs[:, 0, 0, 0] == targets).all()  # they were not written to


def test_some_batches_are_cut_and_the_others_blended():
    torch.manual_seed(0)
    targets = torch.arange(4)
    inputs = targets.float()[:, None, None, None].expand(4, 1, 8, 8)
    blended = sum(
        bool((mixed != mixed.round()).any())
        for mixed, _ in (mix_pairs(inputs, targets, 4, alpha=1.0, cutmix=0.25) for _ in range(400))
    )
    assert 270 < blended < 330


def test_no_mixing_leaves_all_as_it_is():
    inputs, targets = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
    mixed, shares = mix_pairs(inputs, targets, 3, alpha=0)
    assert mixed is inputs
    assert shares.argmax(dim=1).tolist() == targets.tolist()


def test_loss_with_smoothing_is_its_formula():
    logits, targets = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    shares = torch.nn.functional.one_hot(targets, 4).float()
    smooth = shares * 0.9 + 0.1 / 4
    wanted = -(smooth * logits.log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(loss_of(logits, shares, 0.1), wanted)


def test_a_backbones_own_parts_learn_at_its_rate():
    model = create_classifier(ModelConfig(arch="mobilenetv3_small_050"), 6)
    assert any(".se." in name for name, _ in model.named_parameters())
    fast = {id(p) for g in create_optimizer(model, BEST).param_groups if g["peak_lr"] > BEST.lr for p in g["params"]}
    assert fast == {id(p) for p in model.head.parameters()}
