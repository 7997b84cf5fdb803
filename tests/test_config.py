import dataclasses
import json
import math

import pytest

from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.errors import RecycleNetError
from recyclenet.recipes import RECIPES, load_recipe
from recyclenet.strict import from_dict


def recipe(**changes: object) -> Recipe:
    return Recipe(**{"name": "r", "epochs": 10, "lr": 0.1, **changes})


@pytest.mark.parametrize("gates", [("channel",), ("spatial",), ("channel", "spatial"), ("spatial", "channel")])
def test_gates(gates):
    assert ModelConfig(gates=gates).gates == gates


@pytest.mark.parametrize("gates", [(), ("other",), ("channel", "channel"), ("channel", "spatial", "x"), ("",)])
def test_gates_that_do_not_exist(gates):
    with pytest.raises(RecycleNetError, match="gates must be channel, spatial or channel,spatial"):
        ModelConfig(gates=gates)


@pytest.mark.parametrize("size", [1, 3, 7, 31])
def test_odd_kernels(size):
    assert ModelConfig(kernel_size=size).kernel_size == size


@pytest.mark.parametrize("size", [-1, 0, 2, 8])
def test_kernels_must_be_odd_and_positive(size):
    with pytest.raises(RecycleNetError, match="kernel_size must be odd and positive"):
        ModelConfig(kernel_size=size)


@pytest.mark.parametrize(
    ("name", "low", "high"), [("rd_ratio", 1e-4, 1), ("drop_rate", 0, 0.95)], ids=["rd_ratio", "drop_rate"]
)
def test_model_limits(name, low, high):
    for value in (low, high):
        assert getattr(ModelConfig(**{name: value}), name) == value
    for value in (math.nextafter(low, -1), math.nextafter(high, 2), math.nan):
        with pytest.raises(RecycleNetError, match=f"{name} must lie between"):
            ModelConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("epochs", (1, 100_000), (0, -1, 100_001)),
        ("batch_size", (1, 65_536), (0, 65_537)),
        ("lr", (0, 100), (-1e-9, 101, math.nan, math.inf)),
        ("head_lr_scale", (0, 1e4), (-1, 1e5)),
        ("momentum", (0, 0.9999), (-0.1, 1)),
        ("weight_decay", (0, 10), (-1e-9, 11)),
        ("warmup", (0, 0.5, 1), (-0.01, 1.01, math.nan)),
        ("step_epochs", (1, 100_000), (0,)),
        ("step_factor", (0, 1), (-0.1, 1.1)),
        ("label_smoothing", (0, 0.9), (-0.1, 0.91, 1)),
        ("mixup", (0, 10), (-0.1, 11)),
        ("cutmix", (0, 1), (-0.1, 1.1)),
        ("layer_decay", (0.01, 1), (0, 1.1)),
        ("consistency", (0, 100), (-0.1, 101, math.nan)),
        ("ema_decay", (0, 0.999999), (-0.1, 1)),
        ("views", (0, 64), (-1, 65)),
    ],
)
def test_recipe_limits(name, inside, outside):
    for value in inside:
        assert getattr(recipe(**{name: value}), name) == value
    for value in outside:
        with pytest.raises(RecycleNetError, match=f"^{name} must lie between"):
            recipe(**{name: value})


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_seeds(seed):
    assert TrainConfig("d", ModelConfig(), recipe(), seed=seed).seed == seed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"workers": -1}, "workers"),
        ({"workers": 257}, "workers"),
        ({"mean": (0.5, 0.5, 0.5)}, "mean and std go together"),
        ({"std": (0.5, 0.5, 0.5)}, "mean and std go together"),
    ],
)
def test_train_config_refuses(changes, message):
    with pytest.raises(RecycleNetError, match=message):
        TrainConfig("d", ModelConfig(), recipe(), **changes)


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_survives_json(name):
    model = ModelConfig("mobilenetv2_100", "cbam", "blocks", ("spatial",), "max", 0.25, 3, 0.1, {"a": True, "b": 2})
    config = TrainConfig("d", model, load_recipe(name), mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0), seed=5)
    assert from_dict(TrainConfig, json.loads(json.dumps(dataclasses.asdict(config))), "run") == config


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"attn": "sE"}, "attn must be one of none, recyclenet, se, cbam"),
        ({"attn_at": "start"}, "attn_at must be one of final, blocks"),
        ({"combine": "mean"}, "combine must be one of sum, mul, max"),
        ({"arch_args": {"a": [1]}}, "arch_args"),
        ({"kernel_size": True}, "kernel_size must be a whole number"),
        ({"atn": "se"}, r"did you mean attn"),
    ],
)
def test_a_model_from_a_bad_table(table, message):
    with pytest.raises(RecycleNetError, match=message):
        from_dict(ModelConfig, table, "model")


def test_smaller_training_views_need_new_views():
    assert recipe(train_size=96, trained_stages=2, views=0).train_size == 96
    with pytest.raises(RecycleNetError, match="train_size needs views made anew each epoch"):
        recipe(train_size=96, trained_stages=2, views=2)


def test_cutmix_needs_photos():
    assert recipe(cutmix=0.5, trained_stages=2, views=0).cutmix == 0.5
    with pytest.raises(RecycleNetError, match="cutmix needs photos"):
        recipe(cutmix=0.5, trained_stages=2, views=2)


def test_consistency_needs_new_augmented_views():
    assert recipe(consistency=0.5, trained_stages=2, views=0).consistency == 0.5
    with pytest.raises(RecycleNetError, match="set surfaces to 0, or leave consistency out"):
        recipe(consistency=0.5, surfaces=0.1)
    for changes in ({"trained_stages": 2, "views": 2}, {"augment": "none"}):
        with pytest.raises(RecycleNetError, match="consistency needs augmented views, made anew each epoch"):
            recipe(consistency=0.5, **changes)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [({}, False), ({"keep": 0.1}, True), ({"trained_stages": 0}, True), ({"start": "probe"}, False)],
)
def test_recipes_that_build_on_pretrained_weights(changes, wanted):
    assert recipe(**changes).needs_pretrained is wanted
