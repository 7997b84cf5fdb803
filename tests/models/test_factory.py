import pytest
import torch
from torch import nn

from recyclenet.config import ModelConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.attention import RecycleNetAttention
from recyclenet.models.factory import create_classifier

TINY = "test_efficientnet"


@pytest.mark.parametrize("attn", ["none", "recyclenet", "se", "cbam"])
def test_logits_and_batch_of_one(attn):
    model = create_classifier(ModelConfig(arch=TINY, attn=attn, rd_ratio=0.25), 5).eval()
    assert model(torch.randn(1, 3, 64, 96)).shape == (1, 5)


def test_evidence_maps_average_to_the_logits():
    torch.manual_seed(0)
    model = create_classifier(ModelConfig(arch=TINY, attn="recyclenet"), 4).eval()
    images = torch.randn(3, 3, 64, 96)
    logits, maps = model.forward_evidence(images)
    assert maps.shape[:2] == (3, 4)
    assert maps.shape[2:] == (2, 3)
    torch.testing.assert_close(logits, model(images))
    torch.testing.assert_close(maps.mean(dim=(2, 3)), logits, atol=1e-5, rtol=1e-5)


def test_a_module_sits_once_at_the_end_or_in_every_block():
    count = lambda model: sum(isinstance(part, RecycleNetAttention) for part in model.modules())  # noqa: E731
    assert count(create_classifier(ModelConfig(arch="resnet18", attn="recyclenet"), 6)) == 1
    in_blocks = create_classifier(ModelConfig(arch="resnet18", attn="recyclenet", attn_at="blocks"), 6)
    assert count(in_blocks) == 8
    assert isinstance(in_blocks.attention, nn.Identity)


def test_resnets_start_as_torchvisions_do():
    model = create_classifier(ModelConfig(arch="resnet18"), 6)
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    assert all(bool((norm.weight == 1).all()) for norm in norms)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"arch": "resnet181"}, "did you mean resnet18"),
        ({"arch": "vit_tiny_patch16_224"}, r"not \(N, C, h, w\)"),
        ({"arch": "swin_tiny_patch4_window7_224"}, r"not \(N, C, h, w\)"),
        ({"arch": TINY, "attn": "se", "attn_at": "blocks"}, "attn_at=final"),
        ({"arch": TINY, "arch_args": {"no_such_thing": 1}}, "no_such_thing"),
        ({"arch": TINY, "arch_args": {"checkpoint_path": "evil.pth"}}, "checkpoint_path"),
        ({"arch": TINY, "arch_args": {"num_classes": 9}}, "num_classes"),
    ],
)
def test_what_cannot_be_built_says_why(config, message):
    with pytest.raises(RecycleNetError, match=message):
        create_classifier(ModelConfig(**config), 6)


def test_one_class_is_no_classifier():
    with pytest.raises(RecycleNetError, match="two classes"):
        create_classifier(ModelConfig(arch=TINY), 1)


CONVOLUTIONAL = [
    "convnext_atto",
    "densenet121",
    "efficientnet_b0",
    "efficientvit_b0",  # pools inside its head
    "fastvit_t8",
    "inception_next_atto",  # likewise
    "mobilenetv3_small_100",  # a convolution behind the pool
    "mobilenetv4_conv_small",
    "regnety_002",
    "repvit_m1",
    "resnet26d",
    "test_byobnet",
]


@pytest.mark.parametrize("arch", CONVOLUTIONAL)
def test_other_families_with_feature_maps(arch):
    with torch.device("meta"):
        model = create_classifier(ModelConfig(arch=arch, attn="recyclenet"), 7)
        logits, maps = model.forward_evidence(torch.zeros(2, 3, 256, 256))
    assert logits.shape == (2, 7)
    assert maps.shape[:2] == (2, 7)
    assert maps.shape[2] == maps.shape[3] >= 4
