"""Attention over a feature map: RecycleNet's module, and SE and CBAM from timm under the same roof."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from timm.layers import SEModule
from timm.layers.cbam import CbamModule
from torch import Tensor, nn
from torch.nn import functional

from recyclenet.config import Attention, ModelConfig
from recyclenet.errors import RecycleNetError

_COMBINE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"sum": torch.add, "mul": torch.mul, "max": torch.maximum}

_FEW = 4  # channels for each cell of a kernel: with fewer, moving the sums would cost what making them saves


class ChannelGate(nn.Module):
    """How much each channel counts: sigmoid(MLP(global average pool)).

    Args:
        channels: C.
        rd_ratio: hidden width of the MLP as a share of C (at least 1).
    """

    def __init__(self, channels: int, rd_ratio: float = 1 / 16) -> None:
        super().__init__()
        hidden = max(1, round(channels * rd_ratio))
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, 1, 1) in [0, 1]."""
        pooled = features.mean(dim=(2, 3))
        return torch.sigmoid(self.mlp(pooled))[:, :, None, None]


class SpatialGate(nn.Module):
    """How much each place counts: sigmoid of one convolution over all channels, always in float32.

    The convolution has one output channel, for which libraries are not made: they would copy every place's k×k cells
    of all channels first. Where there are many channels, those of each cell are summed first, once for each of the k²
    places that it counts for, and these sums are then moved there and added: the same sum in another order, on CPUs
    two to five times as fast for the last maps of MobileNetV2 and ResNets.

    On CPUs the bfloat16 gradient of a 7×7 kernel over a 1×1 or 2×2 map is memory that nobody wrote (oneDNN in
    torch 2.15; 128 to 768 channels), and float32 costs next to nothing here.

    Args:
        channels: C.
        kernel_size: odd side of the convolution, in cells of the feature map.
    """

    def __init__(self, channels: int, kernel_size: int = 7) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, kernel_size, padding=kernel_size // 2)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, 1, H, W) in [0, 1], float32."""
        side = self.conv.kernel_size[0]
        with _full_precision(features.device.type):
            if _FEW * side**2 > self.conv.in_channels:
                return torch.sigmoid(self.conv(features.float()))
            kernel = self.conv.weight[0].flatten(1)  # (C, k²)
            sums = functional.conv2d(features.float(), kernel.t()[:, :, None, None])  # (N, k², H, W)
            move = torch.eye(side**2, dtype=sums.dtype, device=sums.device).view(1, side**2, side, side)
            return torch.sigmoid(functional.conv2d(sums, move, self.conv.bias, padding=side // 2))


def _full_precision(device: str) -> AbstractContextManager[None]:
    """No autocast inside; devices without it (meta, where networks are only measured) need nothing."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class RecycleNetAttention(nn.Module):
    """RecycleNet's module: features weighted by a channel gate and a spatial gate side by side.

    With gates c (N, C, 1, 1) and s (N, 1, H, W) the output is x·(c + s) for "sum" (the published one),
    x·c·s for "mul", x·max(c, s) for "max", and x·c or x·s with one gate alone.

    Source: RecycleNet, https://github.com/sangminwoo/RecycleNet

    Args:
        channels: C of the feature map.
        gates: ("channel", "spatial") or one of them.
        combine: "sum", "mul" or "max"; with one gate there is nothing to combine.
        rd_ratio: hidden width of the channel gate's MLP as a share of C.
        kernel_size: side of the spatial gate's convolution.
    """

    def __init__(
        self,
        channels: int,
        *,
        gates: tuple[str, ...] = ("channel", "spatial"),
        combine: str = "sum",
        rd_ratio: float = 1 / 16,
        kernel_size: int = 7,
    ) -> None:
        super().__init__()
        self.channel_gate = ChannelGate(channels, rd_ratio) if "channel" in gates else None
        self.spatial_gate = SpatialGate(channels, kernel_size) if "spatial" in gates else None
        self.combine = combine

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H, W)."""
        maps = [gate(features) for gate in (self.channel_gate, self.spatial_gate) if gate is not None]
        return features * (maps[0] if len(maps) == 1 else _COMBINE[self.combine](*maps))

    def extra_repr(self) -> str:
        """Shown by print(model)."""
        return f"combine={self.combine}"


def create_attention(config: ModelConfig) -> Callable[[int], nn.Module] | None:
    """What builds the configured module for a number of channels, or None for plain networks.

    SE and CBAM carry biases, as in the published parameter counts.

    Raises:
        RecycleNetError: gates or combine are set for a module that has no such choice.
    """
    defaults = ModelConfig()
    if config.attn != "recyclenet" and (config.gates, config.combine) != (defaults.gates, defaults.combine):
        raise RecycleNetError(f"gates and combine belong to attn=recyclenet; attn={config.attn} has no such choice")
    if config.attn == "none":
        return None
    if config.attn == "recyclenet":
        return lambda channels: RecycleNetAttention(
            channels,
            gates=config.gates,
            combine=config.combine,
            rd_ratio=config.rd_ratio,
            kernel_size=config.kernel_size,
        )
    return _TIMM[config.attn](config)


# rd_divisor=1: exactly channels × rd_ratio, where timm's SE would round up to a multiple of eight.
_TIMM: dict[Attention, Callable[[ModelConfig], Callable[[int], nn.Module]]] = {
    "se": lambda config: lambda channels: SEModule(channels, rd_ratio=config.rd_ratio, rd_divisor=1, bias=True),
    "cbam": lambda config: (
        lambda channels: CbamModule(
            channels, rd_ratio=config.rd_ratio, rd_divisor=1, spatial_kernel_size=config.kernel_size, mlp_bias=True
        )
    ),
}
