import sys

import pytest

from recyclenet.entry import run_command
from recyclenet.errors import RecycleNetError


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
