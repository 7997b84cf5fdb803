"""Watching without a window: nothing to do but to wait for the end."""

from collections.abc import Callable

from recyclenet.webcam.live import Live

_LOOK_SECONDS = 0.1


def watch(live: Live, is_stopped: Callable[[], bool]) -> None:
    """Returns when a recording has ended or a stop was asked for; a camera is watched until then."""
    while not is_stopped():
        is_over = live.wait(_LOOK_SECONDS)
        live.check()
        if is_over:
            return
