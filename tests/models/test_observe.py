import pytest
import torch
from torch import nn

from recyclenet.config import ModelConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.factory import create_classifier
from recyclenet.models.observe import find_layer, find_spatial_gate, observe


def build(arch="resnet18", **settings):
    torch.manual_seed(0)
    return create_classifier(ModelConfig(arch=arch, **settings), 3).eval()


def count_hooks(model):
    return sum(len(module._forward_hooks) for module in model.modules())


@pytest.fixture
def images():
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("arch", ["resnet18", "test_efficientnet"])
def test_recorded_maps_are_those_of_a_forward_by_hand(arch, images):
    model = build(arch, attn="recyclenet")
    with torch.no_grad(), observe(model, ["backbone", "attention.spatial_gate", "attention", "backbone"]) as seen:
        logits = model(images)
    with torch.no_grad():
        features = model.backbone(images)
        assert torch.equal(seen["backbone"], features)
        assert torch.equal(seen["attention.spatial_gate"], model.attention.spatial_gate(features))
        assert torch.equal(seen["attention"], model.attention(features))
        assert torch.equal(logits, model(images))
    assert features.shape[2] < features.shape[3]
    assert sorted(seen) == ["attention", "attention.spatial_gate", "backbone"]


def test_what_is_written_over_later_is_recorded_as_it_was(images):
    """Batch norm's output is the input of an in-place ReLU: without a copy the record would lose its negatives."""
    model = build()
    assert model.backbone.act1.inplace
    with torch.no_grad(), observe(model, ["backbone.bn1"]) as seen:
        model(images)
    with torch.no_grad():
        expected = model.backbone.bn1(model.backbone.conv1(images))
    assert expected.min() < 0
    assert torch.equal(seen["backbone.bn1"], expected)


def test_gradients_can_be_taken_where_the_network_writes_in_place(images):
    model = build()
    with observe(model, ["backbone.layer4.1.bn2"]) as seen:
        logits = model(images)
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), seen["backbone.layer4.1.bn2"])
    # After the last sum and ReLU come a mean and the head: the gradient is the weight where the ReLU is open.
    with torch.no_grad():
        maps = model.backbone(images)
    expected = model.head.weight[0][None, :, None, None] / maps[0, 0].numel() * (maps > 0)
    torch.testing.assert_close(gradient, expected.detach())


def test_the_latest_call_counts():
    model = nn.Sequential(nn.Identity())
    with observe(model, ["0"]) as seen:
        model(torch.zeros(2))
        model(torch.ones(2))
    assert seen["0"].tolist() == [1, 1]


def test_hooks_are_gone_afterwards_and_others_stay(images):
    model = build()
    calls = []
    model.backbone.register_forward_hook(lambda *_: calls.append("mine"))
    with observe(model, ["backbone", "backbone.layer1"]) as seen:
        assert count_hooks(model) == 3
        model(images)
    assert count_hooks(model) == 1
    seen.clear()
    model(images)
    assert seen == {}
    assert calls == ["mine", "mine"]


def test_hooks_are_gone_after_an_exception_which_comes_through(images):
    model = build()
    counted = []

    def fail():
        with observe(model, ["backbone", "head"]):
            counted.append(count_hooks(model))
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert counted == [2]
    assert count_hooks(model) == 0
    with pytest.raises(RuntimeError, match="cannot be multiplied"), observe(model, ["backbone", "head"]):
        model.head(images)
    assert count_hooks(model) == 0


def test_an_unknown_name_leaves_no_hook_behind():
    model = build()
    with pytest.raises(RecycleNetError, match=r"no layer 'backbone\.layer9'; did you mean backbone\.layer"):
        observe(model, ["backbone", "backbone.layer9"]).__enter__()
    assert count_hooks(model) == 0


def test_what_gives_no_tensor_is_refused():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    model = nn.Sequential(Pair())
    with pytest.raises(RecycleNetError, match="'0' gives a tuple"), observe(model, ["0"]):
        model(torch.zeros(1))
    assert count_hooks(model) == 0


def test_layers_by_their_full_and_short_names():
    model = build(attn="recyclenet")
    assert find_layer(model, "backbone.layer4.1") == find_layer(model, "layer4.1") == "backbone.layer4.1"
    assert find_layer(model, "attention") == "attention"
    with pytest.raises(RecycleNetError, match=r"unknown layer 'layr3'; did you mean .*layer3"):
        find_layer(model, "layr3")
    with pytest.raises(RecycleNetError, match="unknown layer ''"):
        find_layer(model, "")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, None),
        ({"attn": "se"}, None),
        ({"attn": "recyclenet"}, "attention.spatial_gate"),
        ({"attn": "recyclenet", "gates": ("channel",)}, None),
        ({"attn": "cbam"}, "attention.spatial.gate"),
        ({"attn": "cbam", "attn_at": "blocks"}, "backbone.layer4.1.se.spatial.gate"),
        ({"attn": "recyclenet", "attn_at": "blocks"}, "backbone.layer4.1.se.spatial_gate"),
    ],
)
def test_the_last_spatial_gate(settings, expected, images):
    model = build(**settings)
    found = find_spatial_gate(model)
    assert found == expected
    if found is not None:
        with torch.no_grad(), observe(model, [found]) as seen:
            model(images)
        assert seen[found].shape == (2, 1, 2, 3)
        assert 0 <= seen[found].min() < seen[found].max() <= 1
