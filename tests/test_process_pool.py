"""Processes of a pool end with the work, and with the main process, whatever ends that."""

import os
import signal
import subprocess
import sys
import time

import pytest

from recyclenet.process_pool import process_pool
from tests.test_rings import FILES, module_name

# One process is at work, the other waits for some.
KEEPS_WORKING = """
import os, time
from recyclenet.process_pool import process_pool

if __name__ == "__main__":
    with process_pool(2) as pool:
        pool.submit(time.sleep, 1000)
        pool.submit(os.getpid).result()
        print(*pool._processes, flush=True)
        time.sleep(1000)
"""


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def signal_handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_none_outlives_a_main_process_that_is_killed():
    with subprocess.Popen([sys.executable, "-c", KEEPS_WORKING], stdout=subprocess.PIPE, text=True) as process:
        pids = [int(word) for word in process.stdout.readline().split()]
        process.kill()
    deadline = time.monotonic() + 20
    while any(map(is_there, pids)):
        assert time.monotonic() < deadline, "the processes are still there"
        time.sleep(0.02)
    assert len(pids) == 2


def test_signals_are_ignored_where_asked_for():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in a shell's background ignore it
    try:
        with process_pool(1, ignored=(signal.SIGTERM,)) as pool:
            at_int, at_term = pool.submit(signal_handlers).result()
    finally:
        signal.signal(signal.SIGINT, before)
    assert (at_int, at_term) == (signal.default_int_handler, signal.SIG_IGN)


def test_who_does_not_end_is_not_waited_for_without_end():
    started = time.monotonic()
    with process_pool(1, patience_s=0.1) as pool:
        pid = pool.submit(os.getpid).result()
        pool.submit(time.sleep, 1000)
    assert time.monotonic() - started < 20
    assert not is_there(pid)


def test_no_module_makes_a_pool_of_its_own():
    """It would forget what this one knows."""
    makers = {module_name(path) for path in FILES if "ProcessPoolExecutor(" in path.read_text(encoding="utf-8")}
    assert makers == {"process_pool"}
