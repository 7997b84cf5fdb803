"""A fixed number of requests to a running `recyclenet serve`, and how long its answers took.

    python results/serve/load.py http://127.0.0.1:8000 PHOTO… --requests 400 --connections 8 --pid PID --out load.json

Photos are sent in turn, each connection one after the other. A 503 with Retry-After is not an error: the server says
that it is full. Its memory is read where it runs on this machine and `--pid` says which process it is.
"""

import argparse
import http.client
import itertools
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def percentile(sorted_values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of all values do not exceed (nearest rank)."""
    return sorted_values[max(0, math.ceil(share * len(sorted_values)) - 1)] if sorted_values else None


def resident_kib(pid: int | None) -> int | None:
    """Memory of a process in KiB; None where it cannot be told."""
    if pid is None:
        return None
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def load(
    address: str, photos: Sequence[bytes], requests: int, connections: int, pid: int | None = None
) -> dict[str, Any]:
    """Sends them and returns the figures: statuses, errors, milliseconds of the 200s, requests a second, memory."""
    numbers: Iterator[int] = iter(range(requests))
    lock = threading.Lock()
    taken: list[tuple[int, float]] = []
    errors: list[str] = []

    def work() -> None:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
        for number in iter(lambda: _next(numbers, lock), None):
            started = time.perf_counter()
            try:
                connection.request("POST", "/v1/classify", photos[number % len(photos)], {"Content-Type": "image/jpeg"})
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                errors.append(repr(error))
                continue
            taken.append((response.status, 1000 * (time.perf_counter() - started)))
            if response.status == 503 and response.headers["Retry-After"] is None:
                errors.append("503 without Retry-After")
            elif response.status not in (200, 503):
                errors.append(f"{response.status}: {body[:200]!r}")
        connection.close()

    before, started = resident_kib(pid), time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    answered = sorted(ms for status, ms in taken if status == 200)
    return {
        "requests": requests,
        "connections": connections,
        "statuses": dict(sorted(Counter(str(status) for status, _ in taken).items())),
        "errors": errors,
        "seconds": round(seconds, 2),
        "answers_per_second": round(len(answered) / seconds, 2),
        "ms": {name: percentile(answered, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))},
        "memory_kib": {"before": before, "after": resident_kib(pid)},
    }


def _next(numbers: Iterator[int], lock: threading.Lock) -> int | None:
    with lock:
        return next(itertools.chain(numbers, [None]))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("address")
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--pid", type=int)
    parser.add_argument("--note", default="", help="kept in the file, such as what else the machine did")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    photos = [path.read_bytes() for path in given.photos]
    load(given.address, photos, 2 * given.connections, given.connections)  # warm
    figures = {"note": given.note, **load(given.address, photos, given.requests, given.connections, given.pid)}
    text = json.dumps(figures, indent=1)
    print(text)  # noqa: T201
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
