"""Many photos: what `predict` makes of the cores, beside decoding and network measured each for itself."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from recyclenet.ahead import map_ahead
from recyclenet.answers import answer_photos
from recyclenet.bench.in_turn import time_in_turn
from recyclenet.bench.result import Aim, BenchTable, lines_of
from recyclenet.errors import RecycleNetError
from recyclenet.machine import usable_cores
from recyclenet.predictor import Predictor
from recyclenet.rules import default_rules

OURS = "predict: photo files to decisions"
LIMIT = "the limit: decoding, then the network, nothing between"
ONE_BY_ONE = "one photo after the other, all cores on each"

_SHARE = 0.9
_PART = 64  # photos a round; more would let the machine change between the ways
_LEAD_INS = 1  # the same photos just before: threads of the way before spin for a while, on cores that both want


def measure_throughput(
    model: Path | None, photos: Sequence[str], *, on_progress: Callable[[int, int], None] | None = None
) -> BenchTable:
    """All photos by each way, in parts that take turns; each part once unmeasured, and then measured.

    Args:
        model: an exported model; the bundled one by default.
        photos: paths.
        on_progress: told (parts done, parts in all).

    Raises:
        RecycleNetError: too few photos.
    """
    parts = [photos[start : start + _PART] for start in range(0, len(photos) - _PART + 1, _PART)]
    if not parts:
        raise RecycleNetError(f"throughput needs {_PART} photos or more, not {len(photos)}")
    cores, rules = usable_cores(), default_rules()
    single, whole = Predictor(model, threads=1), Predictor(model)
    side = single.preprocess.img_size
    ready = np.zeros((1, 3, side, side), np.float32)
    turn = {name: (part for part in parts for _ in range(1 + _LEAD_INS)) for name in (OURS, LIMIT, ONE_BY_ONE)}
    memory: list[float] = []

    def ours() -> None:
        _drain(answer_photos(single, next(turn[OURS]), rules))
        memory.append(resident_mb())

    def limit() -> None:
        part = next(turn[LIMIT])
        _drain(map_ahead(lambda path: single.preprocess.normalize(single.view(path)), part, cores))
        _drain(map_ahead(lambda _: single.run(ready), part, cores))

    def one_by_one() -> None:
        for path in next(turn[ONE_BY_ONE]):
            whole.predict(path)

    _drain(answer_photos(single, parts[0], rules))  # warm
    whole.predict(parts[0][0])
    ways = {OURS: ours, LIMIT: limit, ONE_BY_ONE: one_by_one}
    taken = time_in_turn(ways, len(parts), lead_ins=_LEAD_INS, on_progress=on_progress)
    median = {way: float(np.median(seconds)) for way, seconds in taken.items()}
    rate = _PART / median[OURS]
    grown = memory[-1] - memory[0]
    return BenchTable(
        f"{_PART} photos on {cores} cores",
        "s",
        "predict",
        len(parts),
        lines_of(taken, OURS, 1.0),
        (Aim("of what decoding and network alone would allow", median[LIMIT] / median[OURS], _SHARE),),
        (f"{rate:.1f} photos a second; resident memory grew by {grown:.1f} MB over {_PART * len(memory)} photos.",),
        {"photos_per_second": rate, "resident_mb_first": memory[0], "resident_mb_last": memory[-1]},
    )


def _drain(items: Iterable[object]) -> None:
    deque(items, maxlen=0)


def resident_mb() -> float:
    """Memory that this process holds now, in megabytes; nan where the system does not tell."""
    try:
        with open("/proc/self/status", encoding="utf-8") as status:
            kib = next(line.split()[1] for line in status if line.startswith("VmRSS"))
    except (OSError, StopIteration):
        return float("nan")
    return int(kib) * 1024 / 1e6
