"""Ctrl-C and SIGTERM as a request: the step in progress is finished and its result kept."""

import signal
import time
from types import FrameType
from typing import Any

_ONE_REQUEST_S = 1.0


class RunStopped(Exception):  # noqa: N818 (a request, not an error)
    """Raised where work is given up between steps because a stop was asked for."""


class StopRequest:
    """Context manager that turns the first SIGINT or SIGTERM into `signal_number`; a second SIGINT stops at once.

    One that follows within a second counts as the first: a terminal sends Ctrl-C to every process, and a launcher such
    as torchrun passes on the one that it got.

    Only the main thread can handle signals; elsewhere this watches nothing.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._came = 0.0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:
                break
        return self

    def __exit__(self, *_exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.signal_number is not None and number == signal.SIGINT:
            if time.monotonic() - self._came > _ONE_REQUEST_S:
                raise KeyboardInterrupt
            return
        self.signal_number, self._came = number, time.monotonic()

    def check(self) -> None:
        """Raises RunStopped if a stop was asked for."""
        if self.signal_number is not None:
            raise RunStopped
