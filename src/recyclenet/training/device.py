"""Where and in which precision the arithmetic runs."""

import contextlib
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from recyclenet.errors import RecycleNetError


@dataclass(frozen=True)
class Compute:
    """A device, whether forward passes run in bfloat16, and the memory layout of images.

    With several `gpus`, `device` is the first of them: it holds the weights.
    """

    device: torch.device
    bf16: bool
    channels_last: bool
    gpus: tuple[int, ...] = ()

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

    def forward(self, model: nn.Module, inputs: Tensor) -> Tensor:
        """Inputs (N, …) through a module → outputs (N, …), of which each of several GPUs computes a part.

        Batch norm then has the statistics of each part alone, and remembers those of the first GPU's.
        """
        if len(self.gpus) < 2:
            return model(inputs)  # type: ignore[no-any-return]
        return nn.parallel.data_parallel(model, inputs, self.gpus)

    def __str__(self) -> str:
        where = f"cuda:{','.join(map(str, self.gpus))}" if self.gpus else self.device
        return f"{where}, {'bf16' if self.bf16 else 'fp32'}{', channels_last' if self.channels_last else ''}"


def choose_compute(
    device: str = "auto", precision: Literal["auto", "fp32", "bf16"] = "fp32", channels_last: bool = True
) -> Compute:
    """Resolves "auto": a CUDA device if there is one; bfloat16 where the hardware computes in it.

    "cuda:0,1" names several GPUs.

    Raises:
        RecycleNetError: a device that this machine does not have.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    gpus = _several_gpus(device)
    try:
        chosen, *others = [torch.device("cuda", gpu) for gpu in gpus] or [torch.device(device)]
        for one in (chosen, *others):
            torch.zeros(1, device=one)
    # torch reports a missing device by errors of several kinds, from RuntimeError to AssertionError.
    except Exception as error:
        reason = str(error).splitlines()[0][:120]
        raise RecycleNetError(f"the device {device!r} cannot be used ({reason}); try the device cpu") from error
    bf16 = precision == "bf16" or (precision == "auto" and _computes_in_bf16(chosen))
    return Compute(chosen, bf16, channels_last, gpus)


def _several_gpus(device: str) -> tuple[int, ...]:
    """The numbers in "cuda:0,1"; empty where a device is one."""
    kind, _, numbers = device.partition(":")
    if "," not in numbers:
        return ()
    gpus = numbers.split(",")
    if kind != "cuda" or not all(gpu.isdecimal() for gpu in gpus) or len(set(gpus)) < len(gpus):
        raise RecycleNetError(f"several GPUs are named by different numbers, as in cuda:0,1, not {device!r}")
    return tuple(map(int, gpus))


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
