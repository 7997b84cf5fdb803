import pytest

from recyclenet.config import ModelConfig
from recyclenet.models.summary import summarize

# The published counts (six classes); SE and CBAM are published to 0.01 M.
EXACT = [
    ("resnet18", "none", 11_179_590),
    ("resnet34", "none", 21_287_750),
    ("resnet50", "none", 23_520_326),
    ("resnet101", "none", 42_512_454),
    ("resnet152", "none", 58_156_102),
    ("resnet18", "recyclenet", 11_237_991),
    ("resnet34", "recyclenet", 21_346_151),
    ("resnet50", "recyclenet", 24_147_143),
]
MILLIONS = [
    ("resnet18", "se", "11.27"),
    ("resnet34", "se", "21.45"),
    ("resnet50", "se", "26.05"),
    ("resnet18", "cbam", "11.27"),
    ("resnet34", "cbam", "21.45"),
    ("resnet50", "cbam", "26.05"),
]


@pytest.mark.parametrize(("arch", "attn", "params"), EXACT)
def test_published_parameter_counts(arch, attn, params):
    assert summarize(ModelConfig(arch=arch, attn=attn), 6).params == params


def test_spatial_gate_alone():
    result = summarize(ModelConfig(attn="recyclenet", gates=("spatial",)), 6)
    assert result.params == 11_204_679
    assert result.attn_params == 11_204_679 - 11_179_590


@pytest.mark.parametrize(("arch", "attn", "millions"), MILLIONS)
def test_published_counts_of_se_and_cbam_in_every_block(arch, attn, millions):
    result = summarize(ModelConfig(arch=arch, attn=attn, attn_at="blocks"), 6)
    assert f"{result.params / 1e6:.2f}" == millions
    assert result.attn_params == result.params - summarize(ModelConfig(arch=arch), 6).params


@pytest.mark.parametrize(("arch", "module"), [("resnet101", 626_817), ("resnet152", 626_817)])
def test_module_costs_what_its_formula_says(arch, module):
    channels, hidden = 2048, 128
    assert module == 2 * channels * hidden + hidden + channels + channels * 7 * 7 + 1
    assert summarize(ModelConfig(arch=arch, attn="recyclenet"), 6).attn_params == module


def test_shapes_and_flops():
    result = summarize(ModelConfig(), 6)
    assert result.features == (512, 7, 7)
    assert result.logits == (6,)
    # ResNet18 at 224: 1.8137 G multiply-adds in convolutions, and the head's 512 × 6.
    assert result.flops == pytest.approx(2 * (1_813_561_344 + 512 * 6), rel=1e-3)
