"""Real programs: small ones in Python."""

import json
import shlex
import sys
import threading
import time

import pytest

from recyclenet.errors import RecycleNetError
from recyclenet.rules import Bin
from recyclenet.webcam.answer import Answer
from recyclenet.webcam.on_decision import OnDecision
from recyclenet.webcam.watcher import Change
from tests.webcam.fakes import MOMENT

CHANGE = Change(MOMENT, 1.25, 38, Answer("glass", 0.97531, Bin("the bin", "#123456")))


def program(code, *arguments):
    return shlex.join([sys.executable, "-c", code, *map(str, arguments)])


def test_the_program_gets_the_decision_as_json(tmp_path):
    copy = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"
    reports = []
    hook = OnDecision(program(copy, tmp_path / "it's here.jsonl"), reports.append)
    hook(CHANGE)
    hook(Change(MOMENT, 2.0, 60, None))
    hook.close(finish=True)
    assert reports == []
    lines = (tmp_path / "it's here.jsonl").read_text().splitlines()
    head = {"time": "2026-01-02T03:04:05.678+00:00"}
    assert [json.loads(line) for line in lines] == [
        {**head, "seconds": 1.25, "frame": 38, "label": "glass", "prob": 0.9753, "bin": "the bin", "colour": "#123456"},
        {**head, "seconds": 2.0, "frame": 60, "label": None, "prob": None, "bin": None, "colour": None},
    ]


def test_no_shell_is_involved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "import sys; sys.exit(sys.argv[1:] != [';', '$HOME', '>', 'x'])"
    reports = []
    hook = OnDecision(f"{program(code)} ; $HOME > x", reports.append)
    hook(CHANGE)
    hook.close(finish=True)
    assert reports == []
    assert list(tmp_path.iterdir()) == []


def test_what_it_prints_cannot_be_taken_for_a_decision(capfd):
    hook = OnDecision(program("print('moved')"), print)
    hook(CHANGE)
    hook.close(finish=True)
    assert capfd.readouterr() == ("", "moved\n")


@pytest.mark.parametrize(
    ("code", "report"),
    [
        ("raise SystemExit(3)", "failed (exit code 3)"),
        ("import sys; sys.stdin.close()", None),  # not to listen is no failure
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "failed (exit code -9)"),
    ],
)
def test_a_failure_is_reported_and_the_next_decision_is_told(code, report):
    reports = []
    hook = OnDecision(program(code), reports.append)
    hook(CHANGE)
    hook(CHANGE)
    hook.close(finish=True)
    assert reports == ([f"--on-decision: {sys.executable} {report}"] * 2 if report else [])


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path):
    alive = tmp_path / "alive"
    child = "import sys, time; time.sleep(3); open(sys.argv[1], 'w')"
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', *sys.argv[1:]]); time.sleep(100)"
    reports = []
    hook = OnDecision(program(code, child, alive), reports.append, seconds=1)
    started = time.monotonic()
    hook(CHANGE)
    hook.close(finish=True)
    assert time.monotonic() - started < 50
    assert reports == [f"--on-decision: {sys.executable} took more than 1 s and was ended"]
    time.sleep(3)
    assert not alive.exists()


def test_nobody_waits_for_it_and_decisions_beyond_the_queue_are_left_out():
    reports, left_out = [], threading.Event()

    def report(line):
        reports.append(line)
        left_out.set()

    hook = OnDecision(program("import time; time.sleep(100)"), report, seconds=2)
    started = time.monotonic()
    for _ in range(10):  # one runs, or will; eight wait
        hook(CHANGE)
    assert time.monotonic() - started < 1.5
    assert left_out.is_set()
    assert reports[0] == f"--on-decision: {sys.executable} is too slow: a decision was left out"
    hook.close(finish=False)


def test_a_program_that_vanished_is_reported(tmp_path):
    program = tmp_path / "flap"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    reports = []
    hook = OnDecision(str(program), reports.append)
    program.unlink()
    hook(CHANGE)
    hook.close(finish=True)
    assert reports == [f"--on-decision: {program} cannot be started: No such file or directory"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "--on-decision is empty: expected a program"),
        ("flap 'open", '--on-decision "flap \'open" cannot be read as words: No closing quotation'),
        ("no-such-program-here --open", "there is no program no-such-program-here"),
    ],
)
def test_a_command_that_cannot_be_run(command, message):
    with pytest.raises(RecycleNetError, match=message):
        OnDecision(command, print)
