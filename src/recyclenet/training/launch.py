"""Several processes of this program on one machine, started, watched and ended together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

from recyclenet.errors import RecycleNetError
from recyclenet.machine import usable_cores
from recyclenet.training.join import LAUNCHER, read_place

_GRACE_S = 20.0  # for the others to find out that one has ended, and to end as well
_LAST_GRACE_S = 10.0  # between SIGTERM and SIGKILL
_LOOK_AGAIN_S = 0.1


class Start(NamedTuple):
    """What to start here: so many processes on a device; one: nothing, this process trains. `variables` go to each."""

    processes: int
    device: str | None
    variables: Mapping[str, str]


def choose_start(gpus: str | None, processes: int | None, device: str | None) -> Start:
    """What --gpus, --processes and --device ask for together; None: not given.

    Raises:
        RecycleNetError: they contradict each other, or this machine's GPUs, or what torchrun has started.
    """
    is_started = read_place(os.environ) is not None
    if is_started and LAUNCHER not in os.environ and (gpus or processes):
        raise RecycleNetError("torchrun starts the processes already: leave --gpus and --processes out")
    if gpus and processes:
        raise RecycleNetError("--gpus says how many processes there are: leave --processes out")
    if gpus and device not in (None, "auto", "cuda"):
        raise RecycleNetError(f"--gpus {gpus} and --device {device} contradict each other")
    if is_started:
        return Start(1, "cuda" if gpus else device, {})
    if gpus is None:
        return Start(processes or 1, device, {})
    numbers = parse_gpus(gpus)
    if len(numbers) == 1:
        return Start(1, f"cuda:{numbers[0]}", {})
    return Start(len(numbers), "cuda", visible(numbers, os.environ))


def parse_gpus(text: str) -> list[int]:
    """The numbers in "0,1", each of a GPU that this machine has.

    Raises:
        RecycleNetError: no different numbers with commas between, or GPUs that are not there.
    """
    import torch

    numbers = text.split(",")
    if not all(number.isdecimal() for number in numbers) or len(set(map(int, numbers))) < len(numbers):
        raise RecycleNetError(f"--gpus takes different numbers with commas between, as in 0,1, not {text!r}")
    gpus, count = [int(number) for number in numbers], torch.cuda.device_count()
    if max(gpus) >= count:
        there = f"GPUs 0 to {count - 1}" if count else "no GPU that torch can use (--processes works without)"
        raise RecycleNetError(f"--gpus {text}: this machine has {there}")
    return gpus


def visible(gpus: Sequence[int], variables: Mapping[str, str]) -> dict[str, str]:
    """The variable that shows a process these GPUs alone, as 0, 1, …; `variables` may hide some already."""
    shown = variables.get("CUDA_VISIBLE_DEVICES")
    names = shown.split(",") if shown else None
    return {"CUDA_VISIBLE_DEVICES": ",".join(names[gpu] if names else str(gpu) for gpu in gpus)}


def run_together(count: int, program: Sequence[str], variables: Mapping[str, str] | None = None) -> int:
    """Runs a program in `count` processes that find each other by the variables that torchrun sets, too.

    SIGINT and SIGTERM are passed on. Where one process fails, the others are ended after some seconds.

    Args:
        count: 2 or more.
        program: arguments of the Python interpreter, such as "-m", "recyclenet", "train", …
        variables: further ones for each process.

    Returns:
        0, or the exit code of the first process, in order of rank, that did not end well.

    Raises:
        RecycleNetError: one was ended by a signal that nobody sent to this process; or Windows, where a process
            cannot be handed what tells it of this one's end.
    """
    if sys.platform == "win32":
        raise RecycleNetError("several processes train together on Linux and macOS alone: leave --processes out")
    with socket.create_server(("127.0.0.1", 0)) as listener, _pipe() as ends_with_us, _passed_on() as processes:
        shared = {
            "OMP_NUM_THREADS": str(max(1, usable_cores() // count)),
            **os.environ,
            **(variables or {}),
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(listener.getsockname()[1]),
            "TORCHELASTIC_USE_AGENT_STORE": "True",  # they meet here, at what outlives the first of them
            LAUNCHER: str(ends_with_us),
        }
        for rank in map(str, range(count)):
            environment = {**shared, "RANK": rank, "LOCAL_RANK": rank}
            command = [sys.executable, *program]
            processes.append(subprocess.Popen(command, env=environment, pass_fds=[ends_with_us]))  # noqa: S603
        from torch.distributed import TCPStore  # type: ignore[attr-defined]  # meanwhile they load it, too

        address, port = listener.getsockname()
        meeting = TCPStore(address, port, is_master=True, wait_for_workers=False, master_listen_fd=listener.detach())
        _wait(processes)
        del meeting
    return _exit_code([process.returncode for process in processes])


@contextmanager
def _pipe() -> Iterator[int]:
    """The end of a pipe to read from, of which the other end closes when this process ends, however it does."""
    read, write = os.pipe()
    try:
        yield read
    finally:
        os.close(read)
        os.close(write)


@contextmanager
def _passed_on() -> Iterator[list[subprocess.Popen[bytes]]]:
    """A list of processes that get the signals that this one gets, and are ended when the block fails."""
    processes: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        for process in processes:
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()  # which does nothing to one that has ended
            process.wait()
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Until all have ended; where one failed, the others are told after some time, and forced after some more."""
    patience = [(_GRACE_S, subprocess.Popen.terminate), (_LAST_GRACE_S, subprocess.Popen.kill)]
    deadline = None
    while running := [process for process in processes if process.poll() is None]:
        if deadline is None and any(process.returncode for process in processes):
            deadline = time.monotonic() + patience[0][0]
        if deadline is not None and patience and time.monotonic() > deadline:
            _, end = patience.pop(0)
            for process in running:
                end(process)
            deadline = time.monotonic() + (patience[0][0] if patience else 0)
        time.sleep(_LOOK_AGAIN_S)


def _exit_code(codes: Sequence[int]) -> int:
    for rank, code in enumerate(codes):
        if code < 0:
            raise RecycleNetError(
                f"process {rank + 1} of {len(codes)} was ended by {signal.Signals(-code).name}"
                f"{', perhaps for want of memory' if code == -signal.SIGKILL else ''}; everything up to the last "
                "checkpoint is kept: go on with --resume"
            )
    return next((code for code in codes if code), 0)
