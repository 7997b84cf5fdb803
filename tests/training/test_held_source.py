"""Training on photos that the device holds is training on the files: the same batches, stops, losses and limits."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from functorch.compile import nop
from torch._dynamo.backends.common import aot_autograd

from recyclenet.data.folder import open_photo_folder
from recyclenet.errors import RecycleNetError
from recyclenet.training import held_source, loop
from recyclenet.training.device import choose_compute
from recyclenet.training.held_source import HeldSource
from recyclenet.training.interrupt import RunStopped, StopRequest
from recyclenet.training.run_folder import RunFolder
from recyclenet.training.settings import check_settings, create_spec
from recyclenet.training.sources import PhotoSource
from recyclenet.training.team import Team
from recyclenet.training.unreadable import Unreadable
from tests.conftest import save_photo
from tests.training.compiling import trace_steps
from tests.training.test_loop import (  # noqa: F401 (a fixture)
    NO_LIMIT,
    QUIET,
    RECIPE,
    StopAfter,
    config,
    same,
    train,
    weights,
)
from tests.training.test_resume import Notes
from tests.training.test_unreadable import broken

CPU = choose_compute("cpu", "fp32")


@pytest.fixture
def held(config):  # noqa: F811
    return replace(config, photos="device", recipe=replace(RECIPE, epochs=2))


def opened(held, kind=HeldSource, unreadable=NO_LIMIT, team=None):
    folder = open_photo_folder(held.data)
    team = (team,) if team else ()
    if kind is PhotoSource:
        return PhotoSource(held, folder, create_spec(held), unreadable, *team)
    return HeldSource(held, folder, create_spec(held), CPU, unreadable, StopRequest(), QUIET, *team)


def assert_alike(found, wanted):
    for (images, targets), (one_by_one, labels) in zip(found, wanted, strict=True):
        assert torch.equal(targets, labels)
        assert images.dtype == torch.float32
        differences = (images - one_by_one).abs().mean(dim=(1, 2, 3))
        assert float(differences.max()) < 1.5 / 127.5  # of noise, levels


@pytest.mark.parametrize(
    ("recipe", "workers"), [({"augment": "paper"}, 2), ({"augment": "strong"}, 0), ({"train_size": 40}, 0)]
)
def test_the_batches_are_those_of_the_files(held, rng, recipe, workers):
    save_photo(open_photo_folder(held.data).root / "glass" / "glass3.jpg", (70, 150, 90), rng, (64, 120))
    held = replace(held, recipe=replace(RECIPE, **recipe), workers=workers)
    by_device, by_file = opened(held), opened(held, PhotoSource)
    assert by_device.steps == by_file.steps
    for epoch, step in ((0, 0), (3, 4)):
        assert_alike(by_device.train_batches(epoch, step), by_file.train_batches(epoch, step))
    for _ in range(2):  # read, and then kept
        for (images, targets), (wanted, labels) in zip(by_device.val_batches(), by_file.val_batches(), strict=True):
            assert torch.equal(images, wanted)
            assert torch.equal(targets, labels)
    assert_alike(by_device.plain_batches(), by_file.plain_batches())
    for source in (by_device, by_file):
        source.close()


def test_photos_are_read_once(held, tmp_path):
    source = opened(held)
    list(source.val_batches())
    for photo in open_photo_folder(held.data).records:
        (tmp_path / "photos" / photo.path).unlink()
    assert sum(len(targets) for _, targets in source.train_batches(5, 0)) == 42
    assert sum(len(targets) for _, targets in source.val_batches()) == 9


def test_what_cannot_be_read_is_left_out(held):
    lost = broken(held, "train", [0, 7])
    known = {}
    source = opened(held, unreadable=Unreadable(known, 0.1, 51, QUIET.note))
    assert known.keys() == set(lost)
    assert sum(len(targets) for _, targets in source.train_batches(0, 0)) == 40


def test_a_process_of_a_team_gets_its_part(held, monkeypatch):
    monkeypatch.setattr(Team, "exchange", lambda self, found: found)  # the other process, which is not there
    monkeypatch.setattr(Team, "check", lambda self, stop: None)
    parts = [opened(held, team=Team(rank, 2)).train_batches(1, 0) for rank in range(2)]
    for (first, targets), (second, more), (images, labels) in zip(
        *parts, opened(held).train_batches(1, 0), strict=True
    ):
        assert torch.equal(torch.cat([targets, more]), labels)
        assert torch.equal(torch.cat([first, second]), images)


def test_too_many_photos_for_the_memory_are_refused(held, monkeypatch):
    taken = 42 * 3 * 96 * 72 + 9 * 4 * 3 * 32 * 32
    monkeypatch.setattr(held_source, "free_memory", lambda: 2 * taken + 1)
    opened(held)
    monkeypatch.setattr(held_source, "free_memory", lambda: None)  # not every system tells
    opened(held)
    monkeypatch.setattr(held_source, "free_memory", lambda: 2 * taken - 1)
    with pytest.raises(
        RecycleNetError, match=r"^42 photos would take about 0.0 GiB of the memory of cpu, .*--photos d"
    ):
        opened(held)


def test_one_large_photo_at_the_beginning_says_nothing_of_the_others(held, monkeypatch, rng):
    first = open_photo_folder(held.data).split("train")[0]
    save_photo(open_photo_folder(held.data).root / first.path, (70, 150, 90), rng, (960, 720))
    most = 41 * 3 * 96 * 72 + 3 * 960 * 720 + 9 * 4 * 3 * 32 * 32  # less: it is decoded at a fraction of its size
    monkeypatch.setattr(held_source, "free_memory", lambda: 2 * most + 1)
    assert sum(len(targets) for _, targets in opened(held).train_batches(0, 0)) == 42


def test_a_stop_while_photos_are_read(held, tmp_path, monkeypatch):
    folder = open_photo_folder(held.data)
    with pytest.raises(RunStopped):
        HeldSource(held, folder, create_spec(held), CPU, NO_LIMIT, StopAfter(0), QUIET)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(0))
        assert train(held, tmp_path / "run").stopped_by == 2
    assert train(held, tmp_path / "run", resume=True).epochs_done == 2


def test_a_stopped_run_ends_as_one_that_never_stopped(held, tmp_path, monkeypatch):
    train(held, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(9))
        assert train(held, tmp_path / "stopped").epochs_done == 1
    train(held, tmp_path / "stopped", resume=True)
    assert same(weights(tmp_path / "whole" / "last.safetensors"), weights(tmp_path / "stopped" / "last.safetensors"))


def test_it_trains_as_files_do_and_a_run_may_move(held, tmp_path):
    runs = {name: replace(held, photos=name) for name in ("disk", "device")}
    losses = {name: train(run, tmp_path / name).best["val_loss"] for name, run in runs.items()}
    assert losses["device"] == pytest.approx(losses["disk"], rel=0.02)
    longer = replace(runs["disk"], recipe=replace(RECIPE, epochs=3))
    assert train(longer, tmp_path / "device", resume=True, force=True).epochs_done == 3


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"surfaces": 0.1}, r"moves items to made-up surfaces \(recipe.surfaces\)"),
        ({"consistency": 0.1}, r"shows items on made-up surfaces too \(recipe.consistency\)"),
        ({"augment": "camera"}, r"views of the kind 'camera' \(recipe.augment\), not one of paper, strong, upright"),
        ({"augment": "none"}, "views of the kind 'none'"),
        ({"trained_stages": 0, "views": 2}, "trains on features that are kept already"),
    ],
)
def test_recipes_that_need_files_are_refused(held, recipe, said):
    held = replace(held, recipe=replace(RECIPE, **recipe), pretrained="weights.pth")
    with pytest.raises(RecycleNetError, match=f"^photos cannot be held on the device, because the recipe .*{said}"):
        check_settings(held)


def test_a_compiled_step_is_the_step(config, tmp_path, monkeypatch):  # noqa: F811
    quiet = replace(RECIPE, epochs=1)
    config = replace(config, recipe=quiet, model=replace(config.model, drop_rate=0.0))
    taken = trace_steps(monkeypatch)
    train(config, tmp_path / "eager")
    assert taken == []
    config = replace(config, compile=True)
    train(config, tmp_path / "compiled")
    assert taken == [8] * 5, "42 photos are five whole batches, and one of two"
    eager, whole = (weights(tmp_path / name / "last.safetensors") for name in ("eager", "compiled"))
    assert eager.keys() == whole.keys()
    for name, tensor in eager.items():
        torch.testing.assert_close(whole[name], tensor, rtol=1e-3, atol=1e-4)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(3))
        train(config, tmp_path / "stopped")
    train(config, tmp_path / "stopped", resume=True)
    assert same(whole, weights(tmp_path / "stopped" / "last.safetensors"))


def fails(graph, inputs):
    raise ValueError("no compiler today")


@pytest.mark.parametrize("backend", [fails, aot_autograd(fw_compiler=nop, bw_compiler=fails)], ids=["there", "back"])
def test_a_step_that_cannot_be_compiled_here_is_said(config, tmp_path, monkeypatch, backend):  # noqa: F811
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    with pytest.raises(RecycleNetError, match=r"cannot compile the step \(.*no compiler today.*leave out --compile"):
        train(replace(config, compile=True), tmp_path / "run")


def test_batches_that_are_never_whole_are_not_compiled(config, tmp_path):  # noqa: F811
    notes = Notes()
    config = replace(config, recipe=replace(RECIPE, epochs=1, batch_size=64), compile=True)
    loop.train(config, open_photo_folder(config.data), RunFolder(tmp_path / "run"), notes)
    assert "nothing is compiled: there are fewer photos than a batch has" in notes.texts


def test_a_device_that_is_full_is_said(held, monkeypatch):
    def full(photos, device):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(held_source, "HeldPhotos", full)
    with pytest.raises(RecycleNetError, match=r"^cpu has no room for 42 photos: leave out --photos device"):
        opened(held)


def test_what_is_held_already_is_not_wanted_once_more(held, monkeypatch):
    """On the CPU the free memory shrinks as photos come."""
    half = 42 * 3 * 96 * 72 + 9 * 4 * 3 * 32 * 32
    left = iter([2 * half + 1])
    monkeypatch.setattr(held_source, "_LOOK_EVERY", 5)
    monkeypatch.setattr(held_source, "free_memory", lambda: next(left, 0))
    assert sum(len(targets) for _, targets in opened(held).train_batches(0, 0)) == 42
