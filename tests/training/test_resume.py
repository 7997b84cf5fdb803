"""What a run goes on from, and what it refuses to go on from."""

import json
import shutil
from dataclasses import replace

import pytest

from recyclenet.checkpoint import read_checkpoint, save_checkpoint
from recyclenet.data.folder import open_photo_folder
from recyclenet.data.splits import PhotoRecord, write_splits
from recyclenet.errors import RecycleNetError
from recyclenet.lock import lock_folder
from recyclenet.training import loop
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.run_folder import RunFolder
from tests.training.test_loop import QUIET, RECIPE, StopAfter, config, same, train, weights  # noqa: F401 (a fixture)

SHORT = replace(RECIPE, epochs=2)


class Notes:
    """A Watcher that keeps what a person would read."""

    features = step = epoch = lambda *_: None

    def __init__(self):
        self.texts = []

    def note(self, text):
        self.texts.append(text)


@pytest.fixture
def short(config):  # noqa: F811
    """Two epochs, a checkpoint after every step."""
    return replace(config, recipe=SHORT, checkpoint_every=0.0)


def stopped(config, out, monkeypatch, looks=8):  # noqa: F811
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(looks))
        train(config, out)


def go_on(config, out, **kwargs):  # noqa: F811
    notes = Notes()
    result = loop.train(config, open_photo_folder(config.data), RunFolder(out), notes, resume=True, **kwargs)
    return result, " | ".join(notes.texts)


def place(path):
    values = read_checkpoint(path).train_state.values
    return values["epoch"], values["step"]


class Dies(StopRequest):
    """Ends the process, as far as the run can tell, before its ninth step: without a last word."""

    looks = 8

    def check(self):
        self.looks -= 1
        if self.looks < 0:
            raise SystemExit


def killed(config, out, monkeypatch):  # noqa: F811
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", Dies)
        with pytest.raises(SystemExit):
            train(config, out)
    return out


def test_the_one_before_the_last_is_kept_beside_it(short, tmp_path, monkeypatch):
    run = killed(short, tmp_path / "run", monkeypatch)
    assert place(run / "last.safetensors") == (1, 2)
    assert place(run / "last-1.safetensors") == (1, 1)


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "zeros", "gone"])
def test_a_torn_checkpoint_is_named_and_the_one_before_it_used(short, tmp_path, monkeypatch, damage):
    train(short, tmp_path / "whole")
    killed(short, tmp_path / "died", monkeypatch)
    last = tmp_path / "died" / "last.safetensors"
    data = bytearray(last.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 1
    torn = {"cut": data[:-1000], "empty": b"", "flipped": data, "zeros": bytes(len(data)), "gone": None}[damage]
    last.unlink() if torn is None else last.write_bytes(torn)
    _, said = go_on(short, tmp_path / "died")
    assert f"passed over: {last} is not a readable checkpoint" in said or damage == "gone"
    assert "going on from the checkpoint before it" in said
    for name in ("last.safetensors", "best.safetensors"):
        assert same(weights(tmp_path / "whole" / name), weights(tmp_path / "died" / name))
    refused = tmp_path / "died" / "last-refused.safetensors"
    assert damage == "gone" or refused.read_bytes() == torn


def test_a_foreign_checkpoint_is_named_and_the_one_before_it_used(short, tmp_path, monkeypatch):
    train(short, tmp_path / "whole")
    train(replace(short, seed=9), tmp_path / "other")
    killed(short, tmp_path / "died", monkeypatch)
    shutil.copy(tmp_path / "other" / "last.safetensors", tmp_path / "died" / "last.safetensors")
    _, said = go_on(short, tmp_path / "died")
    assert "is not this run's: seed: 9 → 1234" in said
    assert same(weights(tmp_path / "whole" / "last.safetensors"), weights(tmp_path / "died" / "last.safetensors"))


def test_where_nothing_can_be_read_nothing_is_done(short, tmp_path, monkeypatch):
    killed(short, tmp_path / "died", monkeypatch)
    for name in ("last.safetensors", "last-1.safetensors"):
        (tmp_path / "died" / name).write_bytes(b"torn")
    with pytest.raises(RecycleNetError, match=r"nothing to go on from: .*last\.safetensors .*last-1\.safetensors"):
        go_on(short, tmp_path / "died")
    assert (tmp_path / "died" / "last.safetensors").read_bytes() == b"torn"


def test_bare_weights_are_nothing_to_go_on_from(short, tmp_path, monkeypatch):
    killed(short, tmp_path / "died", monkeypatch)
    last = tmp_path / "died" / "last.safetensors"
    found = read_checkpoint(last)
    save_checkpoint(last, found.weights, found.description)
    _, said = go_on(short, tmp_path / "died")
    assert "no training state" in said


def test_other_settings_are_refused_unless_forced(short, tmp_path, monkeypatch):
    stopped(short, tmp_path / "run", monkeypatch)
    other = replace(short, recipe=replace(SHORT, lr=1e-4, head_lr_scale=3.0, batch_size=6))
    with pytest.raises(RecycleNetError, match=r"recipe\.lr: 0\.002 → 0\.0001.*batch_size: 8 → 6.*--force"):
        go_on(other, tmp_path / "run")
    result, said = go_on(other, tmp_path / "run", force=True)
    assert result.epochs_done == 2
    assert "not as it was started: recipe.lr: 0.002 → 0.0001" in said
    assert json.loads((tmp_path / "run" / "config.json").read_text())["recipe"]["batch_size"] == 6
    go_on(other, tmp_path / "run")


@pytest.mark.parametrize(
    "changes",
    [{"optimizer": "sgd"}, {"ema_decay": 0.0}, {"weight_decay": 0.0}, {"trained_stages": 1, "views": 0}, {"epochs": 3}],
)
def test_forced_settings_of_every_kind_train_to_the_end(short, tmp_path, monkeypatch, changes):
    stopped(short, tmp_path / "run", monkeypatch)
    other = replace(short, recipe=replace(SHORT, **changes))
    if "trained_stages" in changes:  # needs the name of weights; a resume loads none
        other = replace(other, pretrained="imagenet")
    result, _ = go_on(other, tmp_path / "run", force=True)
    assert result.epochs_done == other.recipe.epochs


def test_another_network_cannot_be_forced(short, tmp_path, monkeypatch):
    stopped(short, tmp_path / "run", monkeypatch)
    other = replace(short, model=replace(short.model, attn="none"))
    with pytest.raises(RecycleNetError, match="do not fit the network"):
        go_on(other, tmp_path / "run", force=True)


def test_the_optimizers_memory_follows_its_parameter_through_other_groups(short, tmp_path, monkeypatch):
    stopped(short, tmp_path / "run", monkeypatch)
    other = replace(short, recipe=replace(SHORT, head_lr_scale=7.0, weight_decay=0.0, epochs=1))
    before = read_checkpoint(tmp_path / "run" / "last.safetensors").train_state.tensors
    go_on(other, tmp_path / "run", force=True)  # complete at once: nothing is trained
    runs = []
    monkeypatch.setattr(loop._Run, "go", lambda self: runs.append(self))
    go_on(replace(other, recipe=replace(other.recipe, epochs=2)), tmp_path / "run", force=True)
    memory = runs[0].learner.optimizer.state
    sums = sorted(float(state["exp_avg_sq"].sum()) for state in memory.values())
    assert sums == pytest.approx(sorted(float(t.sum()) for n, t in before.items() if n.endswith("exp_avg_sq")))
    assert all(state["exp_avg"].shape == parameter.shape for parameter, state in memory.items())


def test_other_photos_are_refused_with_what_changed(short, tmp_path, monkeypatch, class_folders):
    stopped(short, tmp_path / "run", monkeypatch)
    folder = open_photo_folder(class_folders)
    gone = folder.split("train")[0]
    write_splits(class_folders / "splits.csv", [record for record in folder.records if record != gone])
    with pytest.raises(RecycleNetError, match=rf"photos or splits changed since .*1 are gone \(first: {gone.path}\)"):
        go_on(short, tmp_path / "run")
    result, _ = go_on(short, tmp_path / "run", force=True)
    assert result.epochs_done == 2
    go_on(short, tmp_path / "run")


def test_other_classes_are_refused_with_both_lists(short, tmp_path, monkeypatch, class_folders):
    stopped(short, tmp_path / "run", monkeypatch)
    records = [
        PhotoRecord(record.path, record.label.replace("metal", "tin"), record.split)
        for record in open_photo_folder(class_folders).records
    ]
    write_splits(class_folders / "splits.csv", records)
    with pytest.raises(RecycleNetError, match=r"classes: glass, paper, metal → glass, paper, tin.*another label"):
        go_on(short, tmp_path / "run")
    assert go_on(short, tmp_path / "run", force=True)[0].epochs_done == 2
    assert read_checkpoint(tmp_path / "run" / "last.safetensors").description.classes == ("glass", "paper", "tin")


def test_a_checkpoint_from_before_origins_were_kept(short, tmp_path, monkeypatch):
    train(short, tmp_path / "whole")
    stopped(short, tmp_path / "run", monkeypatch)
    last = tmp_path / "run" / "last.safetensors"
    found = read_checkpoint(last)
    old = replace(found.train_state, origin=None)
    old.values.pop("unreadable")
    save_checkpoint(last, found.weights, found.description, old)
    (tmp_path / "run" / "last-1.safetensors").unlink()
    go_on(short, tmp_path / "run")
    assert same(weights(tmp_path / "whole" / "last.safetensors"), weights(last))


def test_a_run_that_another_process_trains_is_left_alone(short, tmp_path, monkeypatch):
    stopped(short, tmp_path / "run", monkeypatch)
    before = (tmp_path / "run" / "last.safetensors").read_bytes()
    with lock_folder(tmp_path / "run"), pytest.raises(RecycleNetError, match="in use by process"):
        go_on(short, tmp_path / "run")
    (tmp_path / "new").mkdir()
    with lock_folder(tmp_path / "new"), pytest.raises(RecycleNetError, match="in use by process"):
        train(short, tmp_path / "new")
    assert (tmp_path / "run" / "last.safetensors").read_bytes() == before
    assert [path.name for path in (tmp_path / "new").iterdir()] == []


def test_what_a_killed_process_left_half_written_goes(short, tmp_path, monkeypatch):
    killed(short, tmp_path / "died", monkeypatch)
    left = [tmp_path / "died" / name for name in (".0123456789abcdef.safetensors", ".0123456789abcdef", ".tmp1leThE")]
    mine = tmp_path / "died" / ".notes"
    for path in (*left, mine):
        path.write_bytes(b"half")
    go_on(short, tmp_path / "died")
    assert not any(path.exists() for path in left)
    assert mine.exists()
    assert not (tmp_path / "died" / "last-1.safetensors").exists(), "of no use when the run is complete"
