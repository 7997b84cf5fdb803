"""Where and in which precision the arithmetic runs."""

import contextlib
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from recyclenet.errors import RecycleNetError, first_line


@dataclass(frozen=True)
class Compute:
    """A device, whether forward passes run in bfloat16, and the memory layout of images."""

    device: torch.device
    bf16: bool
    channels_last: bool

    @property
    def layout(self) -> torch.memory_format:
        """Of images and of the weights that they meet."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Forward passes inside run in bfloat16 where that is on."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16)

    def place(self, inputs: Tensor) -> Tensor:
        """Moves a batch (N, C, H, W) to the device, in the chosen layout."""
        return inputs.to(self.device, non_blocking=True, memory_format=self.layout)

    def __str__(self) -> str:
        return f"{self.device}, {'bf16' if self.bf16 else 'fp32'}{', channels_last' if self.channels_last else ''}"


def choose_compute(
    device: str = "auto", precision: Literal["auto", "fp32", "bf16"] = "fp32", channels_last: bool = True
) -> Compute:
    """Resolves "auto": a CUDA device if there is one; bfloat16 where the hardware computes in it.

    Raises:
        RecycleNetError: a device that this machine does not have.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    _, _, numbers = device.partition(":")
    if "," in numbers:
        raise RecycleNetError(f"{device!r} is more than one device: train on several GPUs with --gpus {numbers}")
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen)
    # torch reports a missing device by errors of several kinds, from RuntimeError to AssertionError.
    except Exception as error:
        reason = first_line(error)
        raise RecycleNetError(f"the device {device!r} cannot be used ({reason}); try the device cpu") from error
    bf16 = precision == "bf16" or (precision == "auto" and _computes_in_bf16(chosen))
    return Compute(chosen, bf16, channels_last)


def _computes_in_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # On CPUs without the instructions bfloat16 runs, but slower than float32. /proc/cpuinfo is the one
    # public source of the flags; elsewhere float32 is the safe choice.
    if device.type != "cpu":
        return False
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            flags = next((line for line in info if line.startswith("flags")), "")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
