import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from recyclenet.checkpoint import load_classifier, read_checkpoint
from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.models.factory import create_classifier
from recyclenet.models.pretrained import load_pretrained
from recyclenet.models.stages import split_backbone
from recyclenet.training.device import choose_compute
from recyclenet.training.interrupt import RunStopped, StopRequest
from recyclenet.training.probe import fit_linear, probe_head
from recyclenet.training.settings import create_spec
from recyclenet.training.sources import PhotoSource
from tests.training.published import ARCH, publish
from tests.training.test_loop import NO_LIMIT, StopAfter, same, train, weights

CPU = choose_compute("cpu", "fp32")
# One epoch at a rate of 0: what is validated is the start.
RECIPE = Recipe(
    name="still", epochs=1, lr=0.0, batch_size=16, start="probe", ema_decay=0.9, trained_stages=1, views=0,
    img_size=32, resize=36, precision="fp32",
)  # fmt: skip


@pytest.fixture
def config(class_folders, tmp_path):
    split_photo_folder(class_folders)
    publish(tmp_path / "w.safetensors", folder=class_folders)
    return TrainConfig(
        data=str(class_folders),
        model=ModelConfig(arch=ARCH, attn="recyclenet", drop_rate=0.5),
        recipe=RECIPE,
        pretrained=str(tmp_path / "w.safetensors"),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        workers=0,
        device="cpu",
    )


def objective(inputs, targets, weight, bias):
    """Mean cross entropy plus half of 0.2 × squared weights, in float64."""
    value = functional.cross_entropy(functional.linear(inputs, weight, bias), targets)
    return float(value + 0.1 * weight.square().sum())


@pytest.mark.parametrize(("photos", "channels", "num_classes"), [(60, 5, 3), (40, 100, 6)])
def test_the_fit_is_the_optimum_that_scikit_learn_finds(photos, channels, num_classes):
    torch.manual_seed(photos)
    targets = torch.arange(photos) % num_classes
    features = torch.randn(photos, channels) * torch.logspace(-2, 2, channels) + 3
    features += torch.randn(num_classes, channels)[targets] * torch.logspace(-2, 2, channels) * 0.5
    weight, bias = fit_linear(features, targets, num_classes)
    assert (weight.shape, bias.shape) == ((num_classes, channels), (num_classes,))

    mean, std = features.double().mean(dim=0), features.double().std(dim=0)
    inputs = (features.double() - mean) / std
    oracle = LogisticRegression(C=1 / (0.2 * photos), tol=1e-9, max_iter=5000).fit(inputs.numpy(), targets.numpy())
    best = objective(inputs, targets, torch.from_numpy(oracle.coef_), torch.from_numpy(oracle.intercept_))
    scaled = weight.double() * std
    reached = objective(inputs, targets, scaled, bias.double() + weight.double() @ mean)
    assert best - 1e-7 <= reached < best + 1e-4
    probs = functional.linear(features, weight, bias).softmax(dim=1).numpy()
    assert np.abs(probs - oracle.predict_proba(inputs.numpy())).max() < 5e-3


def test_a_channel_that_never_changes_gets_no_weight():
    torch.manual_seed(1)
    features = torch.randn(30, 4)
    features[:, 2] = 0
    weight, bias = fit_linear(features, torch.arange(30) % 3, 3)
    assert torch.equal(weight[:, 2], torch.zeros(3))
    assert torch.isfinite(weight).all()
    assert torch.isfinite(bias).all()


def test_the_head_is_fitted_to_the_pooled_features_and_nothing_else_changes(config):
    torch.manual_seed(2)
    folder = open_photo_folder(config.data)
    model = create_classifier(config.model, 3)
    load_pretrained(model.backbone, config.model, config.pretrained)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    source = PhotoSource(config, folder, create_spec(config), NO_LIMIT)
    probe_head(model.train(), source, CPU, StopRequest())
    after = model.state_dict()
    assert {name for name in after if not torch.equal(after[name], before[name])} == {"head.weight", "head.bias"}
    inputs, targets = (torch.cat(parts) for parts in zip(*source.plain_batches(), strict=True))
    assert targets.tolist() == [folder.classes.index(record.label) for record in folder.split("train")]
    with torch.no_grad():
        pooled = model.attention(model.backbone(inputs)).mean(dim=(2, 3))
        weight, bias = fit_linear(pooled, targets, 3)
        torch.testing.assert_close(model.head.weight, weight, rtol=1e-2, atol=1e-2)
        torch.testing.assert_close(model(inputs), functional.linear(pooled, weight, bias), rtol=1e-2, atol=1e-2)


def test_a_stop_while_photos_are_seen_leaves_the_head_as_it_is(config):
    model = create_classifier(config.model, 3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    source = PhotoSource(config, open_photo_folder(config.data), create_spec(config), NO_LIMIT)
    with pytest.raises(RunStopped):
        probe_head(model, source, CPU, StopAfter(0))
    assert same(model.state_dict(), before)


@pytest.mark.parametrize("views", [0, 2])
def test_a_fitted_start_beats_a_fresh_one_and_is_kept(config, tmp_path, run, views):
    found = {}
    for start in ("fresh", "probe"):
        recipe = replace(RECIPE, start=start, views=views, trained_stages=0 if views else 1)
        result = train(replace(config, recipe=recipe), tmp_path / start)
        found[start] = result.best["val_correct"]
    assert found["probe"] >= 8 > found["fresh"], found
    assert not (tmp_path / "fresh" / "start.safetensors").exists()
    kept = tmp_path / "probe" / "start.safetensors"
    description = read_checkpoint(kept).description
    assert description.metrics == {}
    assert description.training["epoch"] == 0
    head = ("head.weight", "head.bias")
    first, last = weights(kept), weights(tmp_path / "probe" / "last.safetensors")
    assert all(torch.equal(first[name], last[name]) for name in head), "at a rate of 0 the average must stay too"
    code, printed, err = run("evaluate", kept, "--data", config.data, "--json")
    assert code == 0, err
    assert json.loads(printed)["total"] == 9
    if views:  # all of the backbone stays, so that the start is the end
        assert same(first, last)


@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_the_frozen_parts_statistics_do_not_move_where_nothing_is_cached(config, tmp_path, keep):
    moving = replace(RECIPE, lr=2e-3, augment="strong", surfaces=0.5, mixup=0.2, keep=keep)
    train(replace(config, recipe=moving), tmp_path / "run")
    before = create_classifier(config.model, 3).backbone
    load_pretrained(before, config.model, config.pretrained)
    (lower, upper), (lower_after, upper_after) = (
        split_backbone(network, 1)
        for network in (before, load_classifier(tmp_path / "run" / "last.safetensors")[0].backbone)
    )
    assert any("running_mean" in name for name in lower.state_dict())
    assert same(lower.state_dict(), lower_after.state_dict())
    pairs = zip(upper.state_dict().items(), upper_after.state_dict().values(), strict=True)
    assert all(not torch.equal(old, new) for (name, old), new in pairs if "num_batches" not in name)
    assert not (tmp_path / "run" / "features").exists()


def test_with_everything_on_a_stopped_run_ends_as_an_unbroken_one(config, tmp_path, monkeypatch):
    everything = replace(
        RECIPE, epochs=2, lr=2e-3, keep=0.5, surfaces=0.5, augment="strong", mixup=0.2, label_smoothing=0.1
    )
    config = replace(config, recipe=everything)
    train(config, tmp_path / "whole")
    whole = {name: weights(tmp_path / "whole" / f"{name}.safetensors") for name in ("start", "best", "last")}
    assert not same(whole["start"], whole["last"])
    # 42 train photos: one look while the head is fitted, then 3 steps an epoch.
    for looks, epochs_done in ((0, 0), (1, 0), (5, 1)):
        out = tmp_path / f"stopped-{looks}"
        with monkeypatch.context() as patch:
            patch.setattr("recyclenet.training.loop.StopRequest", lambda looks=looks: StopAfter(looks))
            stopped = train(config, out)
        assert (stopped.stopped_by, stopped.epochs_done) == (2, epochs_done)
        assert (out / "start.safetensors").exists() == (looks > 0)
        train(config, out, resume=True)
        assert all(same(tensors, weights(out / f"{name}.safetensors")) for name, tensors in whole.items())
