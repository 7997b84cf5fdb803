"""No reader of this project: one that does what none may, by which the tests see that it is found."""

import os
import signal
import time

from recyclenet.errors import RecycleNetError
from tests.fuzz.hostile import Form, Target


def _read(data: bytes) -> None:
    if data.startswith(b"hang"):
        while True:
            time.sleep(0.01)
    if data.startswith(b"crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if data.startswith(b"memory"):
        assert len(b"x" * (2**30 + 2**20)) > 0
    if data.startswith(b"error"):
        raise KeyError("not documented")
    if not data.startswith(b"fine"):
        raise RecycleNetError("expected something fine")


TARGET = Target([Form(b"fine, fine, fine"), Form(b"error")], _read)
