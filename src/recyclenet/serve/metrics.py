"""Counts of what the server does, in the text format that Prometheus reads."""

from bisect import bisect_left
from collections import Counter, defaultdict

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters and histograms, for one event loop. Routes must be few: each has its own lines.

    Attributes:
        in_flight: requests that have begun and not ended, of any kind.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self._requests: Counter[tuple[str, int]] = Counter()
        self._rejected: Counter[int] = Counter()
        self._answers: Counter[tuple[str, str]] = Counter()
        self._feedback: Counter[str] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request has ended."""
        self._requests[route, status] += 1
        if status in _REJECTED:
            self._rejected[status] += 1
        buckets = self._buckets.setdefault(route, [0] * (len(_BUCKETS) + 1))
        buckets[bisect_left(_BUCKETS, seconds)] += 1
        self._seconds[route] += seconds

    def answer(self, label: str, state: str) -> None:
        """A photo was answered."""
        self._answers[label, state] += 1

    def feedback(self, label: str) -> None:
        """A photo was kept with its right class."""
        self._feedback[label] += 1

    def text(self, queue_length: int) -> str:
        """All of it; `queue_length` is how many photos wait for a worker."""
        lines = ["# HELP recyclenet_requests_total Requests by route and status.", *_kind("requests_total", "counter")]
        lines += [
            f'recyclenet_requests_total{{route="{route}",status="{status}"}} {count}'
            for (route, status), count in sorted(self._requests.items())
        ]
        lines += ["# HELP recyclenet_request_seconds Time from a request's beginning to its answer's end."]
        lines += _kind("request_seconds", "histogram")
        for route, counts in sorted(self._buckets.items()):
            lines += _histogram(route, counts, self._seconds[route])
        lines += ["# HELP recyclenet_rejected_total Requests that were refused for a limit, by status."]
        lines += _kind("rejected_total", "counter")
        lines += [f'recyclenet_rejected_total{{status="{status}"}} {self._rejected[status]}' for status in _REJECTED]
        lines += [
            "# HELP recyclenet_answers_total Photos answered, by answer and how sure.",
            *_kind("answers_total", "counter"),
        ]
        lines += [
            f'recyclenet_answers_total{{label="{_escaped(label)}",state="{state}"}} {count}'
            for (label, state), count in sorted(self._answers.items())
        ]
        lines += ["# HELP recyclenet_feedback_total Photos kept, by right class.", *_kind("feedback_total", "counter")]
        lines += [
            f'recyclenet_feedback_total{{label="{_escaped(label)}"}} {count}'
            for label, count in sorted(self._feedback.items())
        ]
        lines += ["# HELP recyclenet_in_flight Requests that are being worked on.", *_kind("in_flight", "gauge")]
        lines += [f"recyclenet_in_flight {self.in_flight}"]
        lines += ["# HELP recyclenet_queue_length Photos that wait for a worker.", *_kind("queue_length", "gauge")]
        lines += [f"recyclenet_queue_length {queue_length}"]
        return "\n".join(lines) + "\n"


_REJECTED = (401, 403, 408, 413, 503)


def _kind(name: str, kind: str) -> list[str]:
    return [f"# TYPE recyclenet_{name} {kind}"]


def _histogram(route: str, counts: list[int], seconds: float) -> list[str]:
    lines, total = [], 0
    for limit, count in zip((*_BUCKETS, "+Inf"), counts, strict=True):
        total += count
        lines.append(f'recyclenet_request_seconds_bucket{{route="{route}",le="{limit}"}} {total}')
    lines.append(f'recyclenet_request_seconds_sum{{route="{route}"}} {seconds:.6f}')
    lines.append(f'recyclenet_request_seconds_count{{route="{route}"}} {total}')
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
