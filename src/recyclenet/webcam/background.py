"""Work in a thread of its own, whose failure is not lost."""

import threading
from collections.abc import Callable


class Background:
    """Runs a function in a thread.

    A thread that hangs in a device's driver does not keep the program from ending.

    Args:
        name: the thread's.
        work: called once.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins; once."""
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether it was started and has ended, well or not."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def check(self) -> None:
        """Raises what the work raised, if it did."""
        if self._error is not None:
            raise self._error

    def wait(self, seconds: float | None = None) -> None:
        """Returns when the work has ended, or the time is over."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # raised again where the result is asked for
            self._error = error
