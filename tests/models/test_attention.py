import pytest
import torch
from timm.layers import SEModule
from timm.layers.cbam import CbamModule
from torch import nn

from recyclenet.config import ModelConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.attention import RecycleNetAttention, SpatialGate, create_attention

CHANNELS = 32


def gates_by_hand(module: RecycleNetAttention, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The published formula written out with matrix products and explicit windows."""
    first, _, second = module.channel_gate.mlp
    hidden = (x.mean(dim=(2, 3)) @ first.weight.T + first.bias).clamp(min=0)
    channel = 1 / (1 + torch.exp(-(hidden @ second.weight.T + second.bias)))
    conv = module.spatial_gate.conv
    n, _, h, w = x.shape
    side = conv.kernel_size[0]
    windows = nn.functional.unfold(x, side, padding=side // 2)
    spatial = 1 / (1 + torch.exp(-(conv.weight.reshape(1, -1) @ windows + conv.bias[:, None])))
    return channel.reshape(n, -1, 1, 1), spatial.reshape(n, 1, h, w)


@pytest.mark.parametrize("shape", [(1, CHANNELS, 7, 7), (3, CHANNELS, 5, 9), (2, CHANNELS, 1, 1)])
@pytest.mark.parametrize("combine", ["sum", "mul", "max"])
def test_follows_the_published_formula(shape, combine):
    torch.manual_seed(0)
    module = RecycleNetAttention(CHANNELS, combine=combine)
    x = torch.randn(shape)
    channel, spatial = gates_by_hand(module, x)
    wanted = {
        "sum": x * channel + x * spatial,
        "mul": x * channel * spatial,
        "max": x * torch.where(channel > spatial, channel, spatial),
    }[combine]
    torch.testing.assert_close(module(x), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("gate", ["channel", "spatial"])
def test_one_gate_alone(gate):
    torch.manual_seed(0)
    both = RecycleNetAttention(CHANNELS)
    alone = RecycleNetAttention(CHANNELS, gates=(gate,))
    alone.load_state_dict({k: v for k, v in both.state_dict().items() if k.startswith(gate)})
    x = torch.randn(2, CHANNELS, 6, 4)
    channel, spatial = gates_by_hand(both, x)
    torch.testing.assert_close(alone(x), x * (channel if gate == "channel" else spatial), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("channels", "kernel_size"), [(8, 1), (64, 3), (256, 7), (32, 7)])
def test_the_spatial_gate_is_its_convolution(channels, kernel_size):
    """Summed in another order, but for the last: the same values and the same gradients."""
    torch.manual_seed(0)
    gate = SpatialGate(channels, kernel_size)
    x = torch.randn(2, channels, 4, 6, requires_grad=True)
    inputs = (x, gate.conv.weight, gate.conv.bias)
    found, wanted = gate(x), torch.sigmoid(gate.conv(x))
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)
    weights = torch.randn_like(wanted)
    for ours, its in zip(
        torch.autograd.grad((found * weights).sum(), inputs),
        torch.autograd.grad((wanted * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, its, atol=1e-5, rtol=1e-4)


def test_gates_lie_between_0_and_1_and_have_their_shapes():
    module = RecycleNetAttention(CHANNELS)
    x = 1e3 * torch.randn(4, CHANNELS, 7, 5)
    channel, spatial = module.channel_gate(x), module.spatial_gate(x)
    assert channel.shape == (4, CHANNELS, 1, 1)
    assert spatial.shape == (4, 1, 7, 5)
    for gate in (channel, spatial):
        assert gate.min() >= 0
        assert gate.max() <= 1


@pytest.mark.parametrize("combine", ["sum", "mul", "max"])
def test_every_parameter_learns(combine):
    torch.manual_seed(0)
    module = RecycleNetAttention(CHANNELS, combine=combine)
    module(torch.randn(4, CHANNELS, 7, 7)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())


@pytest.mark.parametrize("channels", [128, 192, 256])
@pytest.mark.parametrize("side", [1, 2, 7])
def test_bfloat16_training_learns_the_same_spatial_gate(channels, side):
    """Gradients on maps smaller than the kernel, where oneDNN's bfloat16 leaves them unwritten (NaN here)."""
    torch.manual_seed(0)
    module = RecycleNetAttention(channels)
    x = torch.randn(8, channels, side, side)

    def gradient(bf16):
        for size in (channels * 49, 100_000):  # what unwritten memory would hold
            torch.full((size,), torch.nan)
        module.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            module(x).square().sum().backward()
        return module.spatial_gate.conv.weight.grad.clone()

    exact = gradient(bf16=False)
    for _ in range(5):
        torch.testing.assert_close(gradient(bf16=True), exact, atol=0.05 * float(exact.abs().max()), rtol=0)


@pytest.mark.parametrize(
    ("attn", "oracle"),
    [
        ("se", lambda c: SEModule(c, rd_channels=c // 16, bias=True)),
        ("cbam", lambda c: CbamModule(c, rd_channels=c // 16, mlp_bias=True)),
    ],
)
def test_se_and_cbam_are_timms(attn, oracle):
    torch.manual_seed(0)
    ours = create_attention(ModelConfig(attn=attn))(64).eval()
    theirs = oracle(64).eval()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 64, 5, 6)
    torch.testing.assert_close(ours(x), theirs(x))


def test_the_three_modules_are_different_networks():
    built = {attn: create_attention(ModelConfig(attn=attn))(64) for attn in ("recyclenet", "se", "cbam")}
    assert len({type(module) for module in built.values()}) == 3
    assert len({sum(p.numel() for p in module.parameters()) for module in built.values()}) == 3


def test_plain_has_none():
    assert create_attention(ModelConfig()) is None


@pytest.mark.parametrize("attn", ["none", "se", "cbam"])
@pytest.mark.parametrize("change", [{"gates": ("spatial",)}, {"combine": "mul"}])
def test_gates_and_combine_are_refused_where_they_mean_nothing(attn, change):
    with pytest.raises(RecycleNetError, match="attn=recyclenet"):
        create_attention(ModelConfig(attn=attn, **change))
