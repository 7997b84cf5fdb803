"""The short version of `make fuzz`: a sample for every reader, and all that was ever found."""

import sys

import pytest
from hypothesis import given, settings

from recyclenet.errors import RecycleNetError
from tests.fuzz.campaign import CORPUS, judge_apart, run_target
from tests.fuzz.hostile import Edit, Form, Target
from tests.fuzz.judge import SECONDS, Hang, alarm, judge
from tests.fuzz.targets import TARGETS, load_target

SAMPLE = 60
CASES = sorted(CORPUS.glob("*/*.bin"))
ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits by Linux's means")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no alarm clock")


def fault_of(target, data):
    with alarm(2 * SECONDS):
        return judge(target.read, data).fault


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_files_are_taken_or_refused_in_words(name):
    target = load_target(name)

    @settings(max_examples=SAMPLE, deadline=None, derandomize=True, database=None)
    @given(target.cases())
    def check(data):
        assert fault_of(target, data) is None

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_the_valid_files_are_valid(name):
    """Otherwise damage to them would only be seen by a reader's first look."""
    target = load_target(name)
    verdicts = [judge(target.read, form.wrap(form.data)) for form in target.forms]
    assert [verdict.fault for verdict in verdicts] == [None] * len(verdicts)
    assert sum(verdict.accepted for verdict in verdicts) > len(verdicts) / 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.stem}")
def test_what_was_found_is_mended(case):
    assert fault_of(load_target(case.parent.name), case.read_bytes()) is None


def test_every_target_has_its_module():
    folder = CORPUS.parent / "targets"
    assert {*TARGETS, "trap", "scratch", "__init__"} == {path.stem for path in folder.glob("*.py")}
    assert {case.parent.name for case in CASES} <= set(TARGETS)


def raising(error):
    def read(_):
        raise error

    return read


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (KeyError("x"), "KeyError in test_fuzz.py, read"),
        (RecursionError("deep"), "RecursionError in test_fuzz.py, read"),
        (MemoryError(), "MemoryError in test_fuzz.py, read"),
        (RecycleNetError(""), "error text: empty"),
        (RecycleNetError("expected this, found that"), None),
    ],
)
def test_errors_that_are_faults(error, fault):
    found = judge(raising(error), b"").fault
    assert found is None if fault is None else found.startswith(fault)


def test_a_hang_gets_through_what_readers_catch():
    def stubborn(_):
        while True:
            try:
                while True:
                    pass
            except Exception:
                continue

    with pytest.raises(Hang), alarm(0.2):
        judge(stubborn, b"")
    assert judge(lambda _: None, b"", seconds=-1).fault == "hang"


@ON_LINUX
@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"hang", "hang"),
        (b"crash", "crash: SIGSEGV"),
        (b"memory", "memory: more than 1024 MiB"),
        (b"error", "KeyError in trap.py, _read: \"'not documented'\""),
        (b"fine", None),
    ],
)
def test_what_a_case_does_in_a_process_of_its_own(data, fault, tmp_path):
    (tmp_path / "case").write_bytes(data)
    assert judge_apart(tmp_path / "case", "trap", seconds=1 if fault == "hang" else 60) == fault


@ON_LINUX
@pytest.mark.parametrize("engine", ["hypothesis", "atheris"])
def test_a_campaign_counts_and_keeps_the_smallest_case_of_each_fault(engine, tmp_path):
    pytest.importorskip(engine, reason="make fuzz installs it")
    told = []
    result = run_target("trap", engine, 120, 1, lambda done, total: told.append((done, total)), corpus=tmp_path)
    assert result.cases == 120
    assert result.accepted > 5
    assert result.refused > 5
    assert result.accepted + result.refused < 120
    ((fault, file),) = result.faults.items()
    assert fault.startswith("KeyError")
    assert (tmp_path / file).read_bytes() == b"error"
    assert told[-1] == (120, 120)


def test_edits():
    target = Target([Form(b"0123456789"), Form(b"abcdefghij")], bytes, (b"TOKEN",))
    middle = 2**15
    expected = {
        Edit("flip", middle, 0): b"0123446789",
        Edit("set", middle, 65): b"01234A6789",
        Edit("number", middle, 5 + 8): b"01234\0\x01789",
        Edit("cut", middle, 0): b"01234",
        Edit("drop", middle, 7): b"0123478 9".replace(b" ", b""),
        Edit("repeat", middle, 1): b"01234" + b"5" * 4 + b"56789",
        Edit("fill", middle, 5): b"01234\xff\xff789",
        Edit("move", middle, 2): b"5601234789",
        Edit("splice", middle, 1): b"01234fghij",
        Edit("token", middle, 0): b"01234TOKEN56789",
        Edit("word", middle, 0): b"TOKEN",
    }
    assert {edit: target.damage(b"0123456789", [edit]) for edit in expected} == expected
    assert target.damage(b"", list(expected))  # nothing to damage is no reason to fail
