"""How a process finds its team: by the variables that torchrun, or `recyclenet train --gpus`, starts it with."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from recyclenet.errors import RecycleNetError
from recyclenet.training.team import ALONE, Team, reaching_others

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others: for weights that one of them downloads, or for a machine that is lost."""

LAUNCHER = "RECYCLENET_LAUNCHER"
"""Variable with the number of a pipe's end that closes when the program that started this process ends."""

_NEEDED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_FOR_THE_LEADS_WORD = timedelta(seconds=2)
_SPOKE = "spoke"


@dataclass(frozen=True)
class Place:
    """Of a process in its team: `rank` of `size`, and `local_rank` on its machine, each from 0."""

    rank: int
    size: int
    local_rank: int


def read_place(variables: Mapping[str, str]) -> Place | None:
    """The place that a launcher gave this process, or None where nobody did.

    Raises:
        RecycleNetError: only some of its variables are there, or they are no sensible numbers.
    """
    there = [name for name in _NEEDED if variables.get(name)]
    if not there:
        return None
    if missing := [name for name in _NEEDED if name not in there]:
        raise RecycleNetError(
            f"{', '.join(there)} set, but not {', '.join(missing)}: processes that train together need all of them. "
            f"Start with torchrun, which sets them, or unset {', '.join(there)} to train in one process"
        )
    given = ", ".join(f"{name}={variables[name]}" for name in _NEEDED)
    if not all(variables[name].isdecimal() for name in _NEEDED if name != "MASTER_ADDR"):
        raise RecycleNetError(f"these must be whole numbers, apart from the address: {given}")
    place = Place(int(variables["RANK"]), int(variables["WORLD_SIZE"]), int(variables["LOCAL_RANK"]))
    if not place.local_rank <= place.rank < place.size:
        raise RecycleNetError(f"RANK must be from 0 to WORLD_SIZE - 1, and LOCAL_RANK not above it: {given}")
    return place


@contextmanager
def joined() -> Iterator[Team]:
    """The team of this process, until the block ends; without a launcher, or with one process, a team of one.

    An error that all processes have is raised in the first one; the others end in silence with the same exit code. They
    speak for themselves where the first one says nothing.

    Raises:
        RecycleNetError: the launcher's variables make no sense; another process is lost; or what the block raises.
    """
    place = read_place(os.environ)
    if LAUNCHER in os.environ:
        threading.Thread(target=_end_with_launcher, args=(int(os.environ[LAUNCHER]),), daemon=True).start()
    if place is None or place.size == 1:
        yield ALONE
        return
    import torch
    import torch.distributed as dist
    from torch.distributed import PrefixStore, rendezvous  # type: ignore[attr-defined]

    if not dist.is_available():
        raise RecycleNetError("this build of torch cannot train in several processes: install another, or train in one")
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    with reaching_others():
        store, _, _ = next(rendezvous("env://", place.rank, place.size, timeout=PATIENCE))
        dist.init_process_group(
            backend, store=PrefixStore("team", store), rank=place.rank, world_size=place.size, timeout=PATIENCE
        )
    try:
        with reaching_others():
            team = Team(place.rank, place.size, place.local_rank)
            yield team
            team.wait_for_all()  # a process that leaves early would look like one that is lost
    except RecycleNetError:
        if place.rank == 0:
            _say_spoken(store)
        elif _lead_speaks(store):
            sys.exit(2)
        raise
    dist.destroy_process_group()


def _say_spoken(store: "Store") -> None:
    try:
        store.set(_SPOKE, "")
    except RuntimeError:  # whoever holds it has ended: the others find out by themselves
        return


def _lead_speaks(store: "Store") -> bool:
    try:
        store.wait([_SPOKE], _FOR_THE_LEADS_WORD)
    except RuntimeError:
        return False
    return True


def _end_with_launcher(pipe: int) -> None:
    """What nobody waits for stops as if it was asked to, with a checkpoint."""
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)
