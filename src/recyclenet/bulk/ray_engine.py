"""The engine for a cluster, or for one machine as if it were one: Ray Data, an actor with a model for each core.

Every actor asks a desk for its parts. The desk lives on this machine, where the listing is, and knows which parts were
begun, so that a stop can wait for these alone. Photos are read as bytes and decoded by `Worker`: with Ray's own reader
of images one broken file ends the job.
"""

import logging
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

import recyclenet
from recyclenet.bulk.engine import Answered
from recyclenet.bulk.items import Part
from recyclenet.bulk.listing import Listing
from recyclenet.bulk.work import Work, Worker
from recyclenet.errors import RecycleNetError, first_line
from recyclenet.machine import usable_cores

# Ray reports its use to its maker unless it is told otherwise before it is imported.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# Ray Data's threads may outlive a job that was stopped: a call of theirs would connect anew, or start a second Ray.
# Ray reads this once, when it is imported: the command line imports it here.
os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"
# Else it warns of every pool of actors that Ray Data makes.
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

_STORE_BYTES = 256 * 2**20  # answers pass through it, photos do not
_TRIES = 3
_START_SECONDS = 600
"""Actors that are not there by then never will be: an error instead of waiting without a word."""


class RayEngine:
    """Actors on a cluster, or on a Ray of its own on this machine.

    Args:
        address: of an existing cluster, "auto" or HOST:PORT; this machine must be one of its nodes.
        workers: actors, one CPU each; by default as many as there are free CPUs.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        if address is not None and address.startswith("ray://"):
            raise RecycleNetError(
                f"{address} connects from outside, but answers are written on a machine of the cluster: run this "
                "there with --ray-address auto, or hand it in with 'ray job submit'"
            )
        self._address = address
        self._wanted = workers
        self.workers = workers or usable_cores()

    def run(
        self, work: Work, listing: Listing, parts: Sequence[int], is_stopped: Callable[[], bool]
    ) -> Iterator[Answered]:
        """As `Engine.run`."""
        with self._connected():
            self.workers = self._check_resources(len(parts))
            here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
            desk = ray.remote(_Desk).options(num_cpus=0, scheduling_strategy=here).remote(work, listing)
            # A block for each part, so that each comes back as soon as it is done.
            numbers = ray.data.from_items([{"part": number} for number in parts], override_num_blocks=len(parts))
            answers = numbers.map_batches(
                _Actor,
                fn_constructor_args=(desk, recyclenet.__version__),
                batch_size=1,
                num_cpus=1,
                compute=ray.data.ActorPoolStrategy(size=self.workers),
            )
            try:
                yield from _until_stopped(iter(answers.iter_rows()), desk, is_stopped)
            except ray.exceptions.RayError as error:
                raise RecycleNetError(f"the Ray job ended: {_cause(error)}. The same command goes on") from error

    @contextmanager
    def _connected(self) -> Iterator[None]:
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        settings = ray.data.DataContext.get_current()
        settings.enable_progress_bars = False
        settings.wait_for_min_actors_s = _START_SECONDS
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        mine = {
            "address": "local",  # never a cluster that RAY_ADDRESS happens to name
            "num_cpus": self.workers,
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
            "_system_config": {"worker_niceness": 0},  # by default Ray's processes come last, behind everything else
        }
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            ray.init(**(mine if self._address is None else {"address": self._address}), **quiet)
            for number, handler in handlers.items():  # Ray's own would end the process where it stands
                signal.signal(number, handler)
        except Exception as error:  # Ray raises errors of many kinds, bare ones among them
            where = "on this machine" if self._address is None else f"at {self._address}"
            raise RecycleNetError(f"no Ray {where}: {first_line(error)}") from error
        try:
            yield
        finally:
            ray.shutdown()

    def _check_resources(self, parts: int) -> int:
        """How many actors there will be. Ray itself would wait for CPUs without a word, for ever."""
        total, free = (int(table.get("CPU", 0)) for table in (ray.cluster_resources(), ray.available_resources()))
        workers = min(self._wanted or free or 1, parts)
        if workers > total:
            raise RecycleNetError(f"the Ray cluster has {total} CPUs, {workers} --workers need one each")
        if workers > free:
            raise RecycleNetError(
                f"{total - free} of the Ray cluster's {total} CPUs are taken by other work, {workers} --workers need "
                "one each: wait for them, or take fewer"
            )
        return workers


def _until_stopped(rows: Iterator[dict[str, Any]], desk: Any, is_stopped: Callable[[], bool]) -> Iterator[Answered]:
    begun: set[int] | None = None
    given: set[int] = set()
    for row in rows:
        given.add(int(row["part"]))
        yield Answered(int(row["part"]), _unpack(row["answers"]), row["machine"])
        if begun is None and is_stopped():
            begun = ray.get(desk.stop.remote())
        if begun is not None and begun <= given:
            return


class _Desk:
    """Hands out the model, once to each actor, and parts, until it is told to stop."""

    def __init__(self, work: Work, listing: Listing) -> None:
        self._work = work
        self._listing = listing
        self._begun: Counter[int] = Counter()
        self._stopped = False

    def work(self) -> Work:
        return self._work

    def begin(self, number: int) -> Part | None:
        if self._stopped and number not in self._begun:  # begun ones come again when a node was lost
            return None
        part = self._listing.part(number)
        self._begun[number] += 1
        if self._begun[number] > _TRIES:  # Ray would try for ever
            raise RecycleNetError(
                f"{_TRIES} processes ended before part {number} was done, perhaps for want of memory: its photos are "
                f"{part.items[0].name} to {part.items[-1].name}"
            )
        return part

    def stop(self) -> set[int]:
        self._stopped = True
        return set(self._begun)


class _Actor:
    """One core's worker. A part that is not to be begun any more gives no row."""

    def __init__(self, desk: Any, version: str) -> None:
        if recyclenet.__version__ != version:
            raise RecycleNetError(f"recyclenet {recyclenet.__version__} is installed on a node, {version} was expected")
        self._desk = desk
        self._worker = Worker(ray.get(desk.work.remote()))
        self._machine = ray.get_runtime_context().get_node_id()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        number = int(batch["part"][0])
        part = ray.get(self._desk.begin.remote(number))
        if part is None:
            return {"part": [], "answers": [], "machine": []}
        return {"part": [number], "answers": [_pack(self._worker.answer(part))], "machine": [self._machine]}


def _pack(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _unpack(data: bytes) -> pa.Table:
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()


def _cause(error: BaseException) -> str:
    """The error of ours behind Ray's, which is pages long."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, RecycleNetError):
            return str(inner)
        inner = getattr(inner, "cause", None) or inner.__cause__
    return first_line(error)
