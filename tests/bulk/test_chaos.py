"""The short version of `tests.bulk.chaos`: kill -9 half-way, SIGTERM half-way, every photo exactly once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bulk import chaos

SIZE = (64, 48)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")


def children_with(text):
    """Processes on this machine whose command line or environment names a path."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_killed_half_way_and_resumed(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("RECYCLENET_TEST_JOB", str(tmp_path))  # all its processes inherit it
    options = ("--model", tiny, "--workers", 2)
    figures = chaos.kill_and_resume(tmp_path, 1200, 40, *options, size=SIZE, patience=120)
    assert (figures["rows"], figures["distinct_paths"], figures["errors"]) == (1200, 1200, 12)
    deadline = time.monotonic() + 20
    while children_with(str(tmp_path)):
        assert time.monotonic() < deadline, "processes of the killed job are still there"
        time.sleep(0.1)


def test_stopped_half_way_and_resumed(tiny, tmp_path):
    bad = chaos.make_photos(tmp_path, 400, SIZE)
    photos, out = tmp_path / "photos", tmp_path / "answers"
    words = chaos.command(photos, out, "--part-size", 10, "--model", tiny, "--workers", 2)
    assert chaos.stop_half_way(words, out, 40, signal.SIGTERM, 120) == 128 + signal.SIGTERM
    before = chaos.committed(out)
    assert 20 <= len(before) < 40
    assert not list(out.glob(".*"))
    made = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    report = json.loads(made.stdout)
    assert report["answered_now"] == 400 - 10 * len(before)
    assert made.stderr == f"{len(bad)} of 400 photos could not be read\n"
    assert chaos.check_answers(out, photos, bad) == {"rows": 400, "distinct_paths": 400, "errors": 4}
