import csv
import json
import signal
from dataclasses import replace

import pytest
import torch
from rich.console import Console

from recyclenet.checkpoint import load_classifier, read_checkpoint
from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.errors import PhotoError, RecycleNetError
from recyclenet.models.factory import create_classifier
from recyclenet.models.stages import split_backbone
from recyclenet.training import loop, objective, update
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.progress import TrainProgress
from recyclenet.training.run_folder import RunFolder
from recyclenet.training.unreadable import Unreadable

QUIET = TrainProgress(Console(quiet=True))
NO_LIMIT = Unreadable({}, 1.0, 100, QUIET.note)
MODEL = ModelConfig(arch="test_efficientnet", attn="recyclenet", drop_rate=0.2)
# Everything that is random or has a memory is on: mixup, drop-out, augmentation, EMA, momentum of AdamW.
RECIPE = Recipe(
    name="tiny",
    epochs=3,
    lr=2e-3,
    batch_size=8,
    augment="strong",
    mixup=0.2,
    label_smoothing=0.1,
    ema_decay=0.9,
    warmup=0.3,
    img_size=32,
    resize=36,
    precision="fp32",
)


@pytest.fixture
def config(class_folders):
    split_photo_folder(class_folders)
    return TrainConfig(
        data=str(class_folders),
        model=MODEL,
        recipe=RECIPE,
        pretrained="none",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        workers=0,
        device="cpu",
    )


def train(config, out, **kwargs):
    return loop.train(config, open_photo_folder(config.data), RunFolder(out), QUIET, **kwargs)


class StopAfter(StopRequest):
    """Asks to stop at the n-th look, as a signal at that moment would."""

    def __init__(self, looks, number=signal.SIGINT):
        super().__init__()
        self.looks = looks
        self.number = number

    def check(self):
        self.looks -= 1
        if self.looks < 0:
            self.signal_number = self.number
        super().check()


def weights(path):
    return read_checkpoint(path).weights


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_learns_and_leaves_a_whole_run_folder(config, tmp_path):
    easy = replace(RECIPE, epochs=10, lr=5e-3, mixup=0.0, augment="paper")
    result = train(replace(config, recipe=easy), tmp_path / "run")
    assert result.best["val_accuracy"] >= 0.9, "three plain colours should be easy"
    assert result.epochs_done == 10
    names = {path.name for path in (tmp_path / "run").iterdir()}
    wanted = {"config.json", "environment.json", "metrics.csv", "curves.png", "best.safetensors", "last.safetensors"}
    assert names == {*wanted, "photos.csv", "tensorboard"}
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(rows) == 1 + 10
    assert any((tmp_path / "run" / "tensorboard").iterdir())
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["torch"] == torch.__version__
    description = read_checkpoint(tmp_path / "run" / "best.safetensors").description
    assert description.classes == ("glass", "paper", "metal")
    assert description.metrics["val_correct"] == result.best["val_correct"]
    assert description.preprocess.img_size == 32
    assert description.data["fingerprint"] == open_photo_folder(config.data).fingerprint()


def test_shots_train_on_so_many_of_each_class_and_say_so(config, tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(QUIET, "step", steps.append)
    train(replace(config, recipe=replace(RECIPE, epochs=1, shots=3)), tmp_path / "run")
    assert sum(step.photos for step in steps) == 3 * 3
    description = read_checkpoint(tmp_path / "run" / "last.safetensors").description
    assert description.training["shots"] == 3
    whole = open_photo_folder(config.data)
    assert description.metrics["val_total"] == len(whole.split("val"))
    assert description.data["fingerprint"] == whole.fingerprint()  # what the run was given, of which it took some


def test_same_seed_same_weights_other_seed_other_weights(config, tmp_path):
    config = replace(config, recipe=replace(RECIPE, epochs=1))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(replace(config, seed=seed), tmp_path / name)
    a, b, c = (weights(tmp_path / name / "last.safetensors") for name in "abc")
    assert same(a, b)
    assert not same(a, c)


def test_workers_change_nothing(config, tmp_path):
    config = replace(config, recipe=replace(RECIPE, epochs=1))
    train(config, tmp_path / "none")
    train(replace(config, workers=2), tmp_path / "two")
    assert same(weights(tmp_path / "none" / "last.safetensors"), weights(tmp_path / "two" / "last.safetensors"))


# 42 train photos in batches of 8 make 6 steps an epoch: stops in the first, the middle and the last one.
@pytest.mark.parametrize("looks", [0, 4, 6, 15])
def test_a_stopped_run_ends_as_one_that_never_stopped(config, tmp_path, monkeypatch, looks):
    train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(looks))
        stopped = train(config, tmp_path / "stopped")
    assert stopped.stopped_by == 2
    assert stopped.epochs_done == looks // 6
    load_classifier(tmp_path / "stopped" / "last.safetensors")
    resumed = train(config, tmp_path / "stopped", resume=True)
    assert resumed.epochs_done == 3
    for name in ("last.safetensors", "best.safetensors"):
        assert same(weights(tmp_path / "whole" / name), weights(tmp_path / "stopped" / name))
    whole, pieces = ((tmp_path / run / "metrics.csv").read_text().splitlines() for run in ("whole", "stopped"))
    drop_speed = lambda rows: [row.rsplit(",", 2)[0] for row in rows]  # noqa: E731
    assert drop_speed(pieces) == drop_speed(whole)


def test_best_is_kept_over_a_resume(config, tmp_path, monkeypatch):
    """The original's best accuracy starts again at 0 after a resume."""
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(12))
        before = train(config, tmp_path / "run").best
    state = read_checkpoint(tmp_path / "run" / "last.safetensors").train_state
    assert state.values["best"] == before
    assert state.values["best"]["val_correct"] > 0


def test_resuming_a_complete_run_changes_nothing(config, tmp_path):
    train(config, tmp_path / "run")
    before = (tmp_path / "run" / "last.safetensors").read_bytes()
    assert train(config, tmp_path / "run", resume=True).epochs_done == 3
    assert (tmp_path / "run" / "last.safetensors").read_bytes() == before


def test_changed_data_is_refused(config, tmp_path, class_folders):
    train(replace(config, recipe=replace(RECIPE, epochs=1)), tmp_path / "run")
    photo = next((class_folders / "glass").iterdir())
    photo.write_bytes(photo.read_bytes() + b" ")
    with pytest.raises(RecycleNetError, match="changed since"):
        train(config, tmp_path / "run", resume=True)


def test_a_folder_with_a_run_is_not_written_over(config, tmp_path):
    config = replace(config, recipe=replace(RECIPE, epochs=1))
    train(config, tmp_path / "run")
    with pytest.raises(RecycleNetError, match="already holds a run"):
        train(config, tmp_path / "run")


def test_a_broken_photo_is_named(config, tmp_path, class_folders):
    record = next(r for r in open_photo_folder(class_folders).records if r.split == "train")
    (class_folders / record.path).write_bytes(b"not a photo")
    for workers in (0, 1):
        with pytest.raises(PhotoError, match=record.path):
            train(replace(config, workers=workers), tmp_path / f"run{workers}")


def test_a_loss_that_is_no_number_stops_the_run(config, tmp_path):
    wild = replace(RECIPE, optimizer="sgd", lr=100.0, head_lr_scale=1e4, mixup=0.0)
    with pytest.raises(RecycleNetError, match=r"loss became (nan|inf).*last\.safetensors"):
        train(replace(config, recipe=wild), tmp_path / "run")
    load_classifier(tmp_path / "run" / "last.safetensors")


def test_a_gradient_that_is_no_number_reaches_no_checkpoint(config, tmp_path, monkeypatch):
    """The loss is still fine when it happens; a stop before the next one would keep ruined weights."""
    steps = []

    def poisoned(logits, shares, label_smoothing):
        steps.append(1)
        loss = objective.loss_of(logits, shares, label_smoothing)
        return loss + torch.sqrt(loss - loss.detach()) if len(steps) == 7 else loss

    monkeypatch.setattr(update, "loss_of", poisoned)
    with pytest.raises(RecycleNetError, match=r"gradient became nan in epoch 2.*last\.safetensors"):
        train(config, tmp_path / "run")
    kept = weights(tmp_path / "run" / "last.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in kept.values() if tensor.is_floating_point())


def test_weights_that_are_no_numbers_reach_no_checkpoint(config, tmp_path, monkeypatch):
    """Batch statistics can overflow while loss and gradient are fine."""
    original = update.Updater.update

    def poisoned(self, inputs, targets, counts, updates):
        result = original(self, inputs, targets, counts, updates)
        if updates == 7:  # epoch 2, step 2
            next(buffer for name, buffer in self.model.named_buffers() if name.endswith("running_var")).fill_(torch.inf)
        return result

    monkeypatch.setattr(update.Updater, "update", poisoned)
    with pytest.raises(RecycleNetError, match=r"running_var became nan before epoch 2, step 3: .*--resume --force"):
        train(replace(config, checkpoint_every=0.0), tmp_path / "run")
    kept = read_checkpoint(tmp_path / "run" / "last.safetensors")
    assert kept.train_state.values["step"] == 1
    assert all(torch.isfinite(tensor).all() for tensor in kept.weights.values() if tensor.is_floating_point())


def test_a_validation_loss_that_is_no_number_stops_the_run(config, tmp_path, monkeypatch):
    original = loop.predict_logits

    def broken(*arguments):
        logits, targets = original(*arguments)
        logits[0, 0] = float("nan")
        return logits, targets

    monkeypatch.setattr(loop, "predict_logits", broken)
    with pytest.raises(RecycleNetError, match=r"val loss became nan before epoch 1, step 7"):
        train(config, tmp_path / "run")
    assert read_checkpoint(tmp_path / "run" / "last.safetensors").train_state.values["epoch"] == 0
    assert not (tmp_path / "run" / "best.safetensors").exists()


def test_frozen_backbone_trains_the_top_alone(config, tmp_path):
    torch.manual_seed(1)
    pretrained = create_classifier(MODEL, 3).backbone
    torch.save(pretrained.state_dict(), tmp_path / "weights.pth")
    fast = replace(RECIPE, trained_stages=0, views=3, epochs=15, lr=2e-2, mixup=0.0, augment="paper")
    config = replace(config, recipe=fast, pretrained=str(tmp_path / "weights.pth"))
    result = train(config, tmp_path / "run")
    after = weights(tmp_path / "run" / "last.safetensors")
    for name, tensor in pretrained.state_dict().items():
        assert torch.equal(after[f"backbone.{name}"], tensor), name
    fresh = create_classifier(MODEL, 3).state_dict()
    assert any(not torch.equal(after[k], fresh[k]) for k in after if k.startswith("attention."))
    assert result.best["val_accuracy"] > 0.5
    assert not (tmp_path / "run" / "features").exists(), "the cache goes when the run is complete"


def test_the_last_stages_learn_and_the_others_stay(config, tmp_path):
    torch.manual_seed(1)
    pretrained = create_classifier(MODEL, 3).backbone
    torch.save(pretrained.state_dict(), tmp_path / "weights.pth")
    recipe = replace(RECIPE, trained_stages=2, epochs=1)
    config = replace(config, recipe=recipe, pretrained=str(tmp_path / "weights.pth"))
    train(config, tmp_path / "run", features=tmp_path / "shared")
    after = load_classifier(tmp_path / "run" / "last.safetensors")[0].backbone
    (before_lower, before_upper), (lower, upper) = split_backbone(pretrained, 2), split_backbone(after, 2)
    assert same(before_lower.state_dict(), lower.state_dict()), "weights or batch statistics of frozen stages moved"
    moved = [not torch.equal(a, b) for a, b in zip(before_upper.parameters(), upper.parameters(), strict=True)]
    assert all(moved)
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "shared").iterdir()}
    assert kept.keys() == {"train-0.safetensors", "val.safetensors"}
    train(config, tmp_path / "again", features=tmp_path / "shared")
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "shared").iterdir()} == kept
    assert same(weights(tmp_path / "run" / "last.safetensors"), weights(tmp_path / "again" / "last.safetensors"))


@pytest.mark.parametrize("trained_stages", [0, 1])
def test_frozen_features_survive_a_stop(config, tmp_path, monkeypatch, trained_stages):
    torch.save(create_classifier(MODEL, 3).backbone.state_dict(), tmp_path / "weights.pth")
    fast = replace(RECIPE, trained_stages=trained_stages, views=2)
    config = replace(config, recipe=fast, pretrained=str(tmp_path / "weights.pth"))
    train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(5))
        train(config, tmp_path / "stopped")
    assert {path.stem for path in (tmp_path / "stopped" / "features").iterdir()} == {"train-0", "train-1", "val"}
    train(config, tmp_path / "stopped", resume=True)
    assert same(weights(tmp_path / "whole" / "last.safetensors"), weights(tmp_path / "stopped" / "last.safetensors"))


@pytest.mark.parametrize(
    ("recipe", "model", "message"),
    [
        ({"trained_stages": 0}, {}, "needs pretrained weights"),
        (
            {"trained_stages": 0},
            {"arch": "resnet18", "attn": "se", "attn_at": "blocks"},
            "pretrained|never be trained",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(config, tmp_path, recipe, model, message):
    config = replace(config, recipe=replace(RECIPE, **recipe), model=replace(MODEL, **model))
    with pytest.raises(RecycleNetError, match=message):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("criterion", ["accuracy", "loss"])
def test_best_is_the_best_epoch_by_the_recipes_criterion(config, tmp_path, criterion):
    recipe = replace(RECIPE, epochs=6, best_by=criterion)
    best = train(replace(config, recipe=recipe), tmp_path / "run").best
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    if criterion == "accuracy":
        wanted = max(rows, key=lambda row: (row["val_correct"], -row["val_loss"]))
    else:
        wanted = min(rows, key=lambda row: row["val_loss"])
    assert best["epoch"] == wanted["epoch"]
    assert read_checkpoint(tmp_path / "run" / "best.safetensors").description.training["epoch"] == wanted["epoch"]


def test_a_folder_in_use_is_found_before_weights_are_loaded(config, tmp_path):
    """They may be a long download."""
    train(replace(config, recipe=replace(RECIPE, epochs=1)), tmp_path / "run")
    with pytest.raises(RecycleNetError, match="already holds a run"):
        train(replace(config, pretrained=str(tmp_path / "nowhere.pth")), tmp_path / "run")
