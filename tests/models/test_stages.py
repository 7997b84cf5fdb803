import pytest
import timm
import torch

from recyclenet.errors import RecycleNetError
from recyclenet.models.stages import check_split, split_backbone


def backbone(arch):
    torch.manual_seed(0)
    return timm.create_model(arch, num_classes=0, global_pool="").eval()


@pytest.mark.parametrize("arch", ["resnet18", "mobilenetv2_100", "test_efficientnet", "test_convnext"])
@pytest.mark.parametrize("trained_stages", [-1, 0, 1, 2])
def test_the_two_parts_are_the_whole(arch, trained_stages):
    whole = backbone(arch)
    lower, upper = split_backbone(whole, trained_stages)
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        assert torch.equal(upper(lower(images)), whole(images))
    parts = {id(parameter) for part in (lower, upper) for parameter in part.parameters()}
    assert parts == {id(parameter) for parameter in whole.parameters()}


@pytest.mark.parametrize(
    ("arch", "trained_stages", "first"),
    [("resnet18", 1, "layer4"), ("resnet18", 3, "layer2"), ("mobilenetv2_100", 2, "blocks.5")],
)
def test_stages_are_counted_from_the_end(arch, trained_stages, first):
    whole = backbone(arch)
    _, upper = split_backbone(whole, trained_stages)
    assert upper[0] is whole.get_submodule(first)


def test_all_or_nothing_needs_no_stages():
    """Any backbone can be trained as a whole, or not at all."""
    whole = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3))
    for trained_stages, empty in ((-1, 0), (0, 1)):
        parts = split_backbone(whole, trained_stages)
        assert len(parts[empty]) == 0
        assert parts[1 - empty][0] is whole


def test_what_is_no_chain_is_refused():
    with pytest.raises(RecycleNetError, match=r"no chain of stages to be cut: set recipe\.trained_stages to 0"):
        split_backbone(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3)), 1)


def test_as_many_stages_as_there_are_is_all_of_it():
    """A recipe made for a network of many stages trains one of few as a whole."""
    whole = backbone("resnet18")
    for trained_stages in (4, 7):
        lower, upper = split_backbone(whole, trained_stages)
        assert len(lower) == 0
        assert upper[0] is whole


def test_a_backbone_that_does_more_than_its_stages_is_found_out():
    whole = backbone("resnet18")
    check_split(whole, 1)

    class Detour(type(whole)):
        def forward_features(self, x):
            return super().forward_features(x) + 1

    whole.__class__ = Detour
    with pytest.raises(RecycleNetError, match="more than a chain"):
        check_split(whole, 1)
