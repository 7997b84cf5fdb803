import pytest
import timm
import torch
from torch import nn

from recyclenet.models.folding import fold_norms
from recyclenet.models.stages import split_backbone


def with_statistics(module):
    """As trained: running statistics and scales that are not those of a new network."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
    return module.eval()


def norms(module):
    return [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]


@pytest.mark.parametrize(
    ("arch", "settings"), [("resnet18", {}), ("mobilenetv2_100", {"pad_type": "same"}), ("efficientnet_b0", {})]
)
def test_the_same_without_normalisation(arch, settings):
    torch.manual_seed(0)
    backbone = with_statistics(timm.create_model(arch, num_classes=0, global_pool="", **settings))
    lower, _ = split_backbone(backbone, 1)
    before = {name: value.clone() for name, value in lower.state_dict().items()}
    folded = fold_norms(lower)
    images = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        expected = lower(images)
        torch.testing.assert_close(folded(images), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert norms(lower)
    assert not norms(folded)
    assert all(torch.equal(value, before[name]) for name, value in lower.state_dict().items())


class Surprising(nn.Module):
    """Calls in another order than it holds."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images):
        return self.conv(self.norm(images))


def test_what_would_not_be_the_same_stays():
    torch.manual_seed(0)
    module = with_statistics(Surprising())
    assert fold_norms(module) is module


def test_nothing_to_fold():
    module = nn.Sequential().eval()
    assert norms(fold_norms(module)) == []
