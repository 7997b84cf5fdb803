"""A real training that is killed at random moments, and on a disk that fills up: what `make chaos` does at length."""

import os
import resource
import signal

import numpy as np
import pytest

from recyclenet.training import loop
from recyclenet.training.run_folder import RunFolder
from tests.training.chaos import Workshop, fill_and_compare, kill_and_compare, summary
from tests.training.kills import differences, finish
from tests.training.test_loop import StopAfter, config, same, train, weights  # noqa: F401 (a fixture)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("shop"))


@pytest.mark.parametrize(("kind", "kills"), [("the original's recipe", 4), ("fitted head, kept memory", 2)])
def test_killed_at_random_moments_it_ends_as_if_never_stopped(shop, kind, kills):
    found = kill_and_compare(shop, kind, kills, np.random.default_rng(kills))
    assert found["unlike"] == []
    assert found["kills"] == kills
    assert sum(found["by_signal"].values()) == kills


def test_a_difference_would_be_seen(shop, tmp_path):
    """The comparison itself: another seed is another run."""
    kind = "the original's recipe"
    whole = shop.whole(kind)
    assert differences(whole, whole) == []
    finish([*shop.command(kind, tmp_path / "other"), "--seed", "5"], tmp_path / "log")
    found = differences(whole, tmp_path / "other")
    assert "metrics.csv" in found
    assert any(name.startswith("last.safetensors: optimizer.") for name in found)
    damaged = {"damaged": 1, "ways": {}, "named": 1, "unlike": []}
    killed = {"kind": kind, "kills": 1, "by_signal": {}, "places": 1, "while_a_file_was_written": 0, "runs": 1}
    report = {"killed": [{**killed, "unlike": found}], "full_disk": "not done", "damaged": damaged}
    assert "NOT as the unbroken run" in summary(report)


def test_a_disk_that_fills_up_keeps_the_last_checkpoint(shop):
    try:
        found = fill_and_compare(shop, "the original's recipe", 2_500_000)
    except PermissionError as error:
        pytest.skip(str(error))
    assert found["exit"] == 2
    assert "No space left on device" in found["said"]
    assert found["unlike"] == []


@pytest.mark.skipif(os.name != "posix", reason="a limit of POSIX")
def test_a_file_that_may_not_grow_is_one_line_and_the_run_goes_on_later(config, tmp_path):  # noqa: F811
    """Everywhere, also without a small disk: the system refuses the write half-way."""
    train(config, tmp_path / "whole")
    size = (tmp_path / "whole" / "last.safetensors").stat().st_size
    limits, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limits[1]))
    try:
        with pytest.raises(loop.RecycleNetError, match=r"cannot write .*\.safetensors: .*File too large"):
            train(config, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]
    train(config, tmp_path / "run", resume=True)
    for name in ("last.safetensors", "best.safetensors"):
        assert same(weights(tmp_path / "whole" / name), weights(tmp_path / "run" / name))


def test_stopped_at_every_step_it_ends_as_if_never_stopped(config, tmp_path, monkeypatch):  # noqa: F811
    """One run, stopped after each of its 18 steps but the last."""
    train(config, tmp_path / "whole")
    stops = 0
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(1))
        while train(config, tmp_path / "run", resume=(tmp_path / "run").exists()).stopped_by is not None:
            stops += 1
    assert stops == 17
    assert RunFolder(tmp_path / "run").read_config() == config
    for name in ("last.safetensors", "best.safetensors"):
        assert same(weights(tmp_path / "whole" / name), weights(tmp_path / "run" / name))


def test_checkpoints_come_by_time(config, tmp_path, monkeypatch):  # noqa: F811
    """An epoch may take hours: what a kill costs is bounded by the clock."""
    places = []
    original = loop._Run.save_last

    def save(self):
        places.append((self.place.epoch, self.place.step))
        original(self)

    clock = iter(range(10_000))
    monkeypatch.setattr(loop._Run, "save_last", save)
    monkeypatch.setattr(loop.time, "perf_counter", lambda: float(next(clock)))
    loop_config = loop.TrainConfig(**{**vars(config), "checkpoint_every": 8.0})
    train(loop_config, tmp_path / "run")
    assert (0, 0) in places
    assert {(1, 0), (2, 0), (3, 0)} <= set(places), "the end of each epoch"
    within = [place for place in places if place[1]]
    assert 3 <= len(within) < 18
