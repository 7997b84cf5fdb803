"""Ctrl-C and SIGTERM as a request: the step in progress is finished and its result kept."""

import signal
from types import FrameType
from typing import Any


class RunStopped(Exception):  # noqa: N818 (a request, not an error)
    """Raised where work is given up between steps because a stop was asked for."""


class StopRequest:
    """Context manager that turns the first SIGINT or SIGTERM into `signal_number`; a second SIGINT stops at once.

    Only the main thread can handle signals; elsewhere this watches nothing.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
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
            raise KeyboardInterrupt
        self.signal_number = number

    def check(self) -> None:
        """Raises RunStopped if a stop was asked for."""
        if self.signal_number is not None:
            raise RunStopped
