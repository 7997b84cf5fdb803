import sys

import pytest

from recyclenet.bench.processes import run_process, run_program
from recyclenet.errors import RecycleNetError


def test_a_process_is_measured_for_itself():
    large = run_process([sys.executable, "-c", "x = bytearray(200_000_000); print('done')"], "large")
    small = run_process([sys.executable, "-c", "import time; time.sleep(0.2)"], "small")
    assert large.output == "done\n"
    assert large.peak_mb > 200 > small.peak_mb  # the larger one before does not count
    assert small.seconds >= 0.2 > small.cpu_seconds


def test_one_that_fails_is_named():
    with pytest.raises(RecycleNetError, match=r"^recyclenet predict none.jpg failed: 1 of 1 photos could not be read"):
        run_program(["predict", "none.jpg", "--json"])
