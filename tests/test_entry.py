import os
import signal
import subprocess
import sys

import pytest

from recyclenet.entry import run_command
from recyclenet.errors import RecycleNetError
from tests.conftest import REPOSITORY


def fail(error):
    raise error


def test_a_mistake_is_one_line_and_code_2(capsys):
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: fail(RecycleNetError("expected this, got that")))
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", "error: expected this, got that\n")


def test_ctrl_c_is_silent(capsys):
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: fail(KeyboardInterrupt()))
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


def load_in_c(number):
    """Loads a library as pybind11 does: whatever is raised meanwhile becomes an ImportError."""
    try:
        signal.raise_signal(number)
    except BaseException as error:
        raise ImportError("initialization failed") from error


def test_ctrl_c_while_a_library_loads_is_silent(capsys):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in a shell's background ignore it
    try:
        with pytest.raises(SystemExit) as ended:
            run_command(lambda: load_in_c(signal.SIGINT))
        assert ended.value.code == 130
        assert capsys.readouterr() == ("", "")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(ImportError, match="no such library"):  # of which no signal is the cause
        run_command(lambda: fail(ImportError("no such library")))


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGTERM")
def test_sigterm_while_a_library_loads_ends_as_ever():
    code = (
        "import signal\nfrom recyclenet.entry import run_command\nfrom tests.test_entry import load_in_c\n"
        "run_command(lambda: load_in_c(signal.SIGTERM))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "")


def test_ctrl_c_stays_ignored_where_it_was():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run_command(lambda: signal.raise_signal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("module", ["recyclenet.entry", "recyclenet.errors", "pathlib", "recyclenet.cli.app"])
def test_ctrl_c_before_anything_has_loaded_is_silent(module):
    code = (
        "import runpy, sys\n"
        "class CtrlC:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, CtrlC())\n"
        f"sys.modules.pop({module!r}, None)\n"
        "sys.argv = ['recyclenet', '--help']\n"
        "runpy.run_module('recyclenet', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_all_else_passes():
    done = []
    run_command(lambda: done.append(1))
    assert done == [1]
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: sys.exit(5))
    assert ended.value.code == 5
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 / 0)


def test_a_full_disk_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: fail(OSError(28, "No space left on device")))
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: No space left on device: the output cannot be written\n"


def test_a_reader_that_left_is_no_mistake(capfd):
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: fail(BrokenPipeError()))
    assert ended.value.code == 1
    assert capfd.readouterr() == ("", "")
