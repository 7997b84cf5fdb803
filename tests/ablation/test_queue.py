"""Real, tiny runs: what is finished is kept, what was stopped goes on, side by side gives the same as in turn."""

import dataclasses
import json
import signal
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest

from recyclenet.ablation import queue
from recyclenet.ablation import run as run_module
from recyclenet.ablation.queue import run_queue
from recyclenet.ablation.results import read_result
from recyclenet.ablation.run import Run, finished, result_file
from recyclenet.ablation.suites import suite_tables
from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import evaluate, load_model
from recyclenet.training import loop
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.progress import TrainProgress
from recyclenet.training.run_folder import RunFolder
from tests.training.test_loop import QUIET, StopAfter

RECIPE = Recipe(name="tiny", epochs=2, lr=2e-3, batch_size=16, img_size=32, resize=36, precision="fp32")


@pytest.fixture
def runs(class_folders):
    split_photo_folder(class_folders)
    base = TrainConfig(
        data=str(class_folders), model=ModelConfig(), recipe=RECIPE, pretrained="none",
        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), workers=0, device="cpu",
    )  # fmt: skip
    (table,) = suite_tables("combine", ["test_efficientnet"], pretrained=False)
    return [Run(variant, seed, base) for seed in (1, 2) for variant in table.variants[:2]]


def perform(runs, out, jobs=1):
    results = {}

    def on_done(run, result):
        results[run.key] = result

    stopped_by = run_queue(runs, out, jobs=jobs, device="cpu", watcher=QUIET, on_done=on_done)
    return stopped_by, results


def without_time(results):
    return {key: dataclasses.replace(result, seconds=0.0, feature_seconds=0.0) for key, result in results.items()}


def test_every_run_is_measured_on_test_by_the_epoch_chosen_on_val(runs, tmp_path):
    stopped_by, results = perform(runs, tmp_path)
    assert stopped_by is None
    assert list(results) == [run.key for run in runs]
    folder = open_photo_folder(runs[0].base.data)
    for run in runs:
        best = result_file(tmp_path, run).with_name("best.safetensors")
        measured = evaluate(load_model(best), folder, "test")
        assert results[run.key].correct == measured.scores.correct
        assert len(results[run.key].hits) == measured.scores.total
        rows = (best.with_name("metrics.csv")).read_text().splitlines()
        losses = [float(row.split(",")[rows[0].split(",").index("val_loss")]) for row in rows[1:]]
        assert results[run.key].best_epoch == 1 + losses.index(min(losses))
        assert not best.with_name("last.safetensors").exists()
        assert read_result(result_file(tmp_path, run)) == results[run.key]


def test_a_stopped_queue_goes_on_as_if_never_stopped(runs, tmp_path, monkeypatch):
    _, whole = perform(runs, tmp_path / "whole")
    looks = iter([10_000, 2])  # the second run is stopped at its third step
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(next(looks), signal.SIGTERM))
        stopped_by, first = perform(runs, tmp_path / "stopped")
    assert stopped_by == signal.SIGTERM
    assert list(first) == [runs[0].key]
    kept = result_file(tmp_path / "stopped", runs[0]).stat().st_mtime_ns
    fingerprint = open_photo_folder(runs[0].base.data).fingerprint()
    waiting = [run for run in runs if finished(tmp_path / "stopped", run, fingerprint) is None]
    assert waiting == runs[1:]
    stopped_by, rest = perform(waiting, tmp_path / "stopped")
    assert stopped_by is None
    assert without_time(first | rest) == without_time(whole)
    assert result_file(tmp_path / "stopped", runs[0]).stat().st_mtime_ns == kept


def test_side_by_side_gives_the_same_as_in_turn(runs, tmp_path):
    _, in_turn = perform(runs[:2], tmp_path / "in-turn")
    stopped_by, side_by_side = perform(runs[:2], tmp_path / "side-by-side", jobs=2)
    assert stopped_by is None
    assert without_time(side_by_side) == without_time(in_turn)


def test_features_are_shared_by_the_variants_of_a_seed_and_then_removed(runs, tmp_path, monkeypatch):
    import torch

    from recyclenet.models.factory import create_classifier

    torch.save(create_classifier(ModelConfig("test_efficientnet"), 3).backbone.state_dict(), tmp_path / "w.pth")
    base = dataclasses.replace(
        runs[0].base,
        recipe=dataclasses.replace(RECIPE, trained_stages=1, views=2),
        pretrained=str(tmp_path / "w.pth"),
    )
    runs = [Run(dataclasses.replace(run.variant, pretrained=True), run.seed, base) for run in runs]
    views = []
    watcher = TrainProgress(QUIET._console)
    monkeypatch.setattr(watcher, "prepare", lambda what, done, total: views.append((what, done == total)))
    results = []
    on_done = lambda _, result: results.append(result)  # noqa: E731
    run_queue(runs, tmp_path / "out", jobs=1, device="cpu", watcher=watcher, on_done=on_done)
    wanted = [f"features, view {name}" for name in ("train-0", "train-1", "val")]
    assert [view for view, complete in views if complete] == wanted * 2, "once for each seed"
    assert not (tmp_path / "out" / "features").exists()
    assert results[0].feature_seconds > results[1].feature_seconds > 0, "who comes first computes them"


def test_one_failure_among_several_jobs_is_told_and_the_others_are_kept(runs, tmp_path):
    bad = dataclasses.replace(runs[0], base=dataclasses.replace(runs[0].base, pretrained="nowhere.pth"))
    bad = dataclasses.replace(bad, variant=dataclasses.replace(bad.variant, pretrained=True))
    with pytest.raises(RecycleNetError, match=rf"^{bad.key}: no "):
        perform([bad, runs[1]], tmp_path, jobs=2)
    left = result_file(tmp_path, runs[1]).parent
    assert not left.exists() or RunFolder(left).last.exists() or (left / "result.json").exists()


def test_a_worker_that_is_killed_is_no_stop_of_the_users():
    class Broken:
        def result(self):
            raise BrokenProcessPool

    with pytest.raises(RecycleNetError, match="want of memory: go on with fewer --jobs"):
        queue._result_or_stop(Broken(), StopRequest())
    stopped = StopRequest()
    stopped.signal_number = signal.SIGTERM
    assert queue._result_or_stop(Broken(), stopped) == signal.SIGTERM


def test_the_signal_that_counts_is_the_one_that_the_queue_got():
    """Runs in other processes are asked to stop by SIGTERM whatever that was."""
    ended, stop = Future(), StopRequest()
    ended.set_result(signal.SIGTERM)
    assert queue._result_or_stop(ended, stop) == signal.SIGTERM
    stop.signal_number = signal.SIGINT
    assert queue._result_or_stop(ended, stop) == signal.SIGINT


def test_a_run_that_fails_is_named(runs, tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RecycleNetError("no power")

    monkeypatch.setattr(run_module, "train", fail)
    with pytest.raises(RecycleNetError, match=rf"{runs[0].key}: no power"):
        perform(runs, tmp_path)


def test_other_settings_and_other_data_are_refused(runs, tmp_path):
    perform(runs[:1], tmp_path)
    folder = open_photo_folder(runs[0].base.data)
    other = dataclasses.replace(runs[0].base, recipe=dataclasses.replace(RECIPE, lr=1.0))
    with pytest.raises(RecycleNetError, match=r"recipe\.lr: 0\.002 → 1\.0"):
        finished(tmp_path, dataclasses.replace(runs[0], base=other), folder.fingerprint())
    with pytest.raises(RecycleNetError, match="other photos"):
        finished(tmp_path, runs[0], "another")
    moved = dataclasses.replace(runs[0].base, workers=2, device="cuda:3")
    assert finished(tmp_path, dataclasses.replace(runs[0], base=moved), folder.fingerprint()) is not None


def test_a_damaged_result_says_what_to_do(runs, tmp_path):
    path = result_file(tmp_path, runs[0])
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(RecycleNetError, match="remove it, and the run is done again"):
        finished(tmp_path, runs[0], "any")
    path.write_text(json.dumps({"variant": "x"}))
    with pytest.raises(RecycleNetError, match="is missing"):
        finished(tmp_path, runs[0], "any")
