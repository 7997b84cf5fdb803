"""Several processes that train one network together: whose part is whose, and what all must agree on.

One process alone is a team as well, in which nothing is sent. In a larger one every method that says "together" must be
called by all members, at the same point of their work: it waits for the others.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from recyclenet.errors import RecycleNetError
from recyclenet.training.interrupt import StopRequest

T = TypeVar("T")


class TeamBrokenError(RecycleNetError):
    """Another process of the team has ended, or does not answer."""


class Team:
    """The processes of one training, seen from one of them.

    Args:
        rank: of this process, from 0; the first leads: it alone writes files and speaks.
        size: how many there are.
        local_rank: among those on the same machine, from 0.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0) -> None:
        self.rank, self.size, self.local_rank = rank, size, local_rank

    @property
    def alone(self) -> bool:
        """Whether this process is the whole team."""
        return self.size == 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def device(self, device: str) -> str:
        """The device of this process, where a configuration names `device`.

        Raises:
            RecycleNetError: one GPU for several processes, or fewer GPUs than processes on this machine.
        """
        if self.alone or device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
            return device
        if device not in ("auto", "cuda"):
            raise RecycleNetError(
                f"{self.size} processes train together, each on a device of its own: --device cpu, or cuda for GPUs, "
                f"not {device!r}; --gpus says which GPUs"
            )
        if self.local_rank >= torch.cuda.device_count():
            raise RecycleNetError(
                f"process {self.local_rank + 1} on this machine has no GPU: there are {torch.cuda.device_count()} that "
                "torch can use, one for each process; start fewer, or choose --device cpu"
            )
        return f"cuda:{self.local_rank}"

    def part(self, items: Sequence[T]) -> Sequence[T]:
        """The own part of a batch; all parts in order of rank are the whole, and differ by one item at most."""
        start, end = (len(items) * edge // self.size for edge in (self.rank, self.rank + 1))
        return items[start:end]

    def counts(self, count: int) -> list[int]:
        """Together: what every process counted, in order of rank."""
        return [int(number) for number in self._numbers(count)]

    def total(self, *values: float) -> list[float]:
        """Together: sums over all processes, added in order of rank, in float64."""
        return torch.stack([self._numbers(value) for value in values]).sum(dim=1).tolist()

    def wait_for_all(self) -> None:
        """Together: returns when all have come here."""
        self._numbers(0)

    def _numbers(self, value: float) -> Tensor:
        own = torch.tensor([value], dtype=torch.float64)
        if self.alone:
            return own
        found = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(found, own)
        return torch.cat(found)

    def rows(self, part: Tensor, counts: Sequence[int]) -> Tensor:
        """Together: every process's rows (n, …) as one tensor (sum of `counts`, …), in order of rank."""
        if self.alone:
            return part
        padded = part.new_zeros((max(counts), *part.shape[1:]))
        padded[: len(part)] = part
        found = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(found, padded)
        return torch.cat([rows[:count] for rows, count in zip(found, counts, strict=True)])

    def exchange(self, found: list[T]) -> list[T]:
        """Together: every process's list in one, in order of rank. Quick where nobody has anything."""
        if self.alone or not sum(self.counts(len(found))):
            return found
        everything: list[list[T]] = [[] for _ in range(self.size)]
        dist.all_gather_object(everything, found)
        return [item for items in everything for item in items]

    def by_lead(self, work: Callable[[], T]) -> T:
        """Together: the first process does it, all get the result, or the error.

        Raises:
            RecycleNetError: as `work`.
        """
        if self.alone:
            return work()
        told: list[object] = [None, None]
        failed: RecycleNetError | None = None
        if self.leads:
            try:
                told[0] = work()
            except RecycleNetError as error:
                failed, told[1] = error, str(error)
        dist.broadcast_object_list(told, src=0)
        if told[1] is not None:
            raise failed or RecycleNetError(str(told[1]))
        return told[0]  # type: ignore[return-value]

    @contextmanager
    def lead_first(self) -> Iterator[None]:
        """Together: the others begin when the first process is done, and find what it downloaded."""
        if not self.leads:
            self.wait_for_all()
        yield
        if self.leads:
            self.wait_for_all()

    def copy_from_lead(self, module: nn.Module) -> None:
        """Together: all get the first process's weights and statistics."""
        if not self.alone:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, src=0)

    def average(self, tensors: Sequence[Tensor], share: float) -> None:
        """Together: each tensor becomes the weighted mean over all processes, in place; shares add up to 1."""
        if self.alone or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors]) * share
        dist.all_reduce(flat)
        means = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.copy_(mean.view_as(tensor))

    def wrap(self, module: nn.Module, device: torch.device, *, some_unused: bool) -> nn.Module:
        """Together: the module with gradients that are means over all processes.

        Args:
            module: on its device already, the same in all processes.
            device: of this process.
            some_unused: parameters that require gradients, but are not part of the outputs.
        """
        if self.alone:
            return module
        return DistributedDataParallel(
            module,
            device_ids=None if device.type == "cpu" else [device],
            forward_sync_buffers=False,  # those of batch norm are averaged instead, so that every photo counts
            find_unused_parameters=some_unused,
        )

    def check(self, stop: StopRequest) -> None:
        """Together: raises RunStopped in all where a stop was asked for in one."""
        if not self.alone:
            stop.signal_number = max(self.counts(stop.signal_number or 0)) or None
        stop.check()

    def __str__(self) -> str:
        return "" if self.alone else f", {self.size} processes"


ALONE = Team()


@contextmanager
def reaching_others() -> Iterator[None]:
    """Turns what torch says when another process is gone or silent into a TeamBrokenError."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and not any(mark in str(error) for mark in _MARKS):
            raise
        raise TeamBrokenError(
            "another process of this training has ended or does not answer, so this one ends as well; everything up to "
            "the last checkpoint is kept: go on with --resume"
        ) from error


# gloo speaks of a lost peer in plain RuntimeErrors.
_MARKS = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Timed out waiting")
