"""All runs of an ablation in turn or side by side; each finished run is kept, and a stopped queue goes on."""

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from recyclenet.ablation.results import RunResult
from recyclenet.ablation.run import Run, features_folder, perform
from recyclenet.data.features import FeatureCache
from recyclenet.errors import RecycleNetError
from recyclenet.process_pool import ENDED_EARLY, process_pool
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.progress import Step, Watcher
from recyclenet.training.run_folder import Row

Done = Callable[[Run, RunResult], None]

_PATIENCE_S = 10.0  # for a process without work to end


@dataclass(frozen=True)
class _Silent:
    """A Watcher for runs in other processes, whose results are all that is heard of them."""

    def note(self, text: str) -> None:
        """Nothing."""

    def prepare(self, what: str, done: int, total: int) -> None:
        """Nothing."""

    def step(self, step: Step) -> None:
        """Nothing."""

    def epoch(self, row: Row, epochs: int, best: bool) -> None:
        """Nothing."""


def run_queue(runs: Sequence[Run], out: Path, *, jobs: int, device: str, watcher: Watcher, on_done: Done) -> int | None:
    """Performs runs in their order.

    Args:
        runs: those that are not finished yet.
        out: the ablation's folder.
        jobs: how many at a time, each in a process of its own; with device "auto" each gets one of the GPUs in turn.
        device: as in TrainConfig.
        watcher: told of what happens in a run, with one job.
        on_done: told of each result.

    Returns:
        The signal by which a stop was asked for before the end, or None.

    Raises:
        RecycleNetError: a run cannot be done; those before it are kept.
    """
    if jobs > 1 and len(runs) > 1:
        return _side_by_side(runs, out, jobs, device, on_done)
    for number, run in enumerate(runs):
        result = _named(run, lambda run=run: perform(run, out, device, watcher))  # type: ignore[misc]
        if isinstance(result, int):
            return result
        on_done(run, result)
        _forget_features(run, runs[number + 1 :], out)
    return None


def _side_by_side(runs: Sequence[Run], out: Path, jobs: int, device: str, on_done: Done) -> int | None:
    gpus = torch.cuda.device_count() if device == "auto" else 0
    free = [f"cuda:{slot % gpus}" if gpus else device for slot in range(jobs)]
    threads = max(1, torch.get_num_threads() // jobs)
    waiting, running = list(runs), dict[Future[RunResult | int], tuple[Run, str]]()
    stopped, stopped_by, failure = False, None, None
    # No signal is ignored: a run that gets one keeps its step and its checkpoint.
    with StopRequest() as stop, process_pool(jobs, patience_s=_PATIENCE_S) as pool:
        while running or (waiting and not stopped):
            while waiting and free and not stopped:
                run, place = waiting.pop(0), free.pop()
                running[pool.submit(_perform_elsewhere, run, out, place, threads)] = run, place
            for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                run, place = running.pop(future)
                free.append(place)
                try:
                    result = _named(run, lambda future=future: _result_or_stop(future, stop))  # type: ignore[misc]
                except RecycleNetError as error:
                    failure = failure or error
                    continue
                if isinstance(result, int):
                    stopped, stopped_by = True, result
                else:
                    on_done(run, result)
                    _forget_features(run, [*(run for run, _ in running.values()), *waiting], out)
            if (stop.signal_number is not None or failure is not None) and not stopped:
                stopped, stopped_by = True, stop.signal_number
                for child in multiprocessing.active_children():
                    child.terminate()  # a request: the run keeps its step and its checkpoint
    if failure is not None:
        raise failure
    return stopped_by


def _result_or_stop(future: Future[RunResult | int], stop: StopRequest) -> RunResult | int:
    try:
        result = future.result()
    except KeyboardInterrupt:  # between two runs a stop ends the process itself
        result = signal.SIGINT
    except BrokenProcessPool as error:
        if stop.signal_number is None:
            raise RecycleNetError(f"{ENDED_EARLY}: go on with fewer --jobs") from error
        return stop.signal_number
    # The signal that a run was stopped by may be no more than this process's way of passing on another one.
    return result if isinstance(result, RunResult) else stop.signal_number or result


def _perform_elsewhere(run: Run, out: Path, device: str, threads: int) -> RunResult | int:
    torch.set_num_threads(threads)
    return perform(run, out, device, _Silent())


def _named(run: Run, work: Callable[[], RunResult | int]) -> RunResult | int:
    try:
        return work()
    except RecycleNetError as error:
        raise RecycleNetError(f"{run.key}: {error}") from error


def _forget_features(done: Run, left: Sequence[Run], out: Path) -> None:
    """Removes cached features that no run needs any more: they are large."""
    folder = features_folder(out, done)
    if all(features_folder(out, run) != folder for run in left):
        FeatureCache(folder).remove()
        with suppress(OSError):  # of other architectures or seeds there are some
            folder.parent.rmdir()
