import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from recyclenet.errors import RecycleNetError
from recyclenet.lock import LOCK_FILE, lock_folder

HOLD = """
import sys, time
from recyclenet.lock import lock_folder
with lock_folder(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""
FORK_AND_HOLD = """
import os, sys, time
from recyclenet.lock import lock_folder
with lock_folder(sys.argv[1]):
    if os.fork() == 0:  # as a process that reads photos
        print("held", flush=True)
        time.sleep(60)
        os._exit(0)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Starts processes that hold the folder; ends them."""
    started = []

    def hold(code=HOLD):
        command = [sys.executable, "-c", code, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_nothing_is_left_in_the_folder(tmp_path):
    with lock_folder(tmp_path):
        holder = json.loads((tmp_path / LOCK_FILE).read_text())
        assert holder["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_second_one_is_told_who_is_there(tmp_path, holder):
    process = holder()
    with pytest.raises(RecycleNetError, match=rf"in use by process {process.pid} on \S+ \(since 20"):
        lock_folder(tmp_path).__enter__()
    assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == process.pid


def test_a_second_one_in_the_same_process_too(tmp_path):
    with lock_folder(tmp_path), pytest.raises(RecycleNetError, match=f"process {os.getpid()} on"):
        lock_folder(tmp_path).__enter__()
    with lock_folder(tmp_path):
        pass


@pytest.mark.parametrize("code", [HOLD, FORK_AND_HOLD])
def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder, code):
    """Also where children of the killed one live on."""
    process = holder(code)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (tmp_path / LOCK_FILE).exists()
    with lock_folder(tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()


def test_one_at_a_time_however_many_come(tmp_path):
    """The file is removed at each end: a newcomer that had opened it must not hold the removed one."""
    code = """
import sys, time
from pathlib import Path
from recyclenet.errors import RecycleNetError
from recyclenet.lock import lock_folder
folder, end = Path(sys.argv[1]), time.monotonic() + 2
entered = 0
while time.monotonic() < end:
    try:
        with lock_folder(folder):
            (folder / "inside").touch(exist_ok=False)
            entered += 1
            (folder / "inside").unlink()
    except RecycleNetError:
        pass
print(entered)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    entered = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert sum(entered) > 10


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RecycleNetError, match=r"cannot lock .*No such file"):
        lock_folder(tmp_path / "nothing").__enter__()
