"""A step's forward and backward pass through torch.compile."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from recyclenet.errors import RecycleNetError
from recyclenet.training.device import Compute


class CompiledStep:
    """A step for whole batches: of any other shape it would be compiled once more.

    The forward pass is compiled when it is first called, the backward pass when it first comes back; on a GPU both are
    recorded as CUDA graphs, too.

    Args:
        step: inputs (N, …) → outputs.
        compute: where.
        batch_size: N.
    """

    def __init__(self, step: nn.Module, compute: Compute, batch_size: int) -> None:
        mode = "reduce-overhead" if compute.device.type == "cuda" else None
        self._step = torch.compile(step, dynamic=False, mode=mode)
        self._batch_size = batch_size
        self._works = False

    def takes(self, inputs: Tensor) -> bool:
        """Whether a batch is a whole one."""
        return len(inputs) == self._batch_size

    def __call__(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """What the step makes of a batch."""
        first, second = self._step(inputs)
        return first, second

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Put this around forward and backward pass: compilers fail in many ways.

        Raises:
            RecycleNetError: instead of anything but a want of memory, the first time.
        """
        try:
            yield
        except (RecycleNetError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if self._works:
                raise
            reason = " ".join(str(error).splitlines()[:2])[:200]  # what failed, and how; advice for developers follows
            raise RecycleNetError(f"torch.compile cannot compile the step ({reason}): leave out --compile") from error
        self._works = True
