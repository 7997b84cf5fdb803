import dataclasses

import pytest

from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.errors import RecycleNetError
from recyclenet.recipes import RECIPES, differences, load_recipe, override, parse_assignments


@pytest.fixture
def config() -> TrainConfig:
    return TrainConfig("photos", ModelConfig(), load_recipe("fast"))


def test_the_shipped_recipes_load_under_their_names():
    assert RECIPES == ("paper", "fast", "best")
    assert [load_recipe(name).name for name in RECIPES] == list(RECIPES)


def test_paper_is_the_original_recipe_exactly():
    assert dataclasses.asdict(load_recipe("paper")) == {
        "name": "paper",
        "epochs": 100,
        "lr": 2e-4,
        "batch_size": 16,
        "optimizer": "sgd",
        "head_lr_scale": 1.0,
        "layer_decay": 1.0,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "schedule": "step",
        "warmup": 0.0,
        "best_by": "accuracy",
        "step_epochs": 40,
        "step_factor": 0.1,
        "label_smoothing": 0.0,
        "mixup": 0.0,
        "cutmix": 0.0,
        "ema_decay": 0.0,
        "start": "fresh",
        "keep": 0.0,
        "distill": 0.5,
        "augment": "paper",
        "surfaces": 0.0,
        "consistency": 0.0,
        "img_size": 224,
        "resize": 256,
        "train_size": 0,
        "shots": 0,
        "trained_stages": -1,
        "views": 1,
        "batch_norm": "own",
        "precision": "fp32",
        "channels_last": False,
    }


def test_fast_trains_on_features_and_best_on_photos():
    assert load_recipe("fast").caches_features
    assert not load_recipe("best").caches_features


def test_a_recipe_of_your_own(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\nepochs = 3\nlr = 1\n')
    assert load_recipe(str(file)) == Recipe("mine", 3, 1.0)


@pytest.mark.parametrize("name", ["papr", "", "PAPER", "paper.tml", "../configs/paper"])
def test_an_unknown_recipe(name):
    with pytest.raises(RecycleNetError, match=r"choose paper, fast, best, or give a file ending in \.toml"):
        load_recipe(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"name = ", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b'name = "m"\nepochs = 3\nlr = 0.1\nlearning = 1', "unknown setting 'learning'"),
        (b'name = "m"\nepochs = 3', "'lr' is missing"),
        (b'name = "m"\nepochs = 0\nlr = 0.1', "epochs must lie between"),
        (b'name = "m"\nepochs = true\nlr = 0.1', "epochs must be a whole number"),
    ],
)
def test_a_bad_recipe_file(text, message, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(text)
    with pytest.raises(RecycleNetError, match=message) as caught:
        load_recipe(str(file))
    assert "mine.toml" in str(caught.value)


def test_a_missing_recipe_file(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(RecycleNetError, match=r"cannot be read|unknown recipe"):
            load_recipe(str(path))


def test_override_changes_only_what_it_names(config):
    changed = override(config, {"recipe.lr": 0.5, "model.attn": "se", "seed": 9, "model.gates": ["spatial"]})
    expected = dataclasses.replace(
        config,
        recipe=dataclasses.replace(config.recipe, lr=0.5),
        model=dataclasses.replace(config.model, attn="se", gates=("spatial",)),
        seed=9,
    )
    assert changed == expected
    assert config == TrainConfig("photos", ModelConfig(), load_recipe("fast"))


def test_override_nothing(config):
    assert override(config, {}) == config


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "lr",
        "recipe.",
        "recipe.lrr",
        "nothing.lr",
        "recipe.lr.x",
        "recipe.name.f",
        "data.photos",
        "data.o",
        "mean.x",
        "model.gates.channel",
        "model.gates.other",
    ],
)
def test_override_of_an_unknown_key(key, config):
    with pytest.raises(RecycleNetError, match="unknown setting"):
        override(config, {key: 1})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("recipe.lr", "fast", "lr must be a number"),
        ("recipe.epochs", 2.5, "epochs must be a whole number"),
        ("recipe", 3, "expected a table"),
        ("recipe.lr", -1, "lr must lie between"),
        ("model.gates", [], "gates must be"),
        ("seed", -1, "seed must lie"),
    ],
)
def test_override_with_a_value_that_does_not_fit(key, value, message, config):
    with pytest.raises(RecycleNetError, match=message):
        override(config, {key: value})


def test_assignments_have_the_types_of_toml():
    pairs = [
        "epochs=3",
        "lr=1e-3",
        "frozen=true",
        'name="a b"',
        "gates=['channel', \"spatial\"]",
        "arch_args={depth = 2}",
        "arch=resnet18",
        "path=../x=y",
        "empty=",
        " spaced = 4 ",
        "url=http://h/p#q",
    ]
    assert parse_assignments(pairs) == {
        "epochs": 3,
        "lr": 1e-3,
        "frozen": True,
        "name": "a b",
        "gates": ["channel", "spatial"],
        "arch_args": {"depth": 2},
        "arch": "resnet18",
        "path": "../x=y",
        "empty": "",
        "spaced": 4,
        "url": "http://h/p#q",
    }
    assert type(parse_assignments(["epochs=3"])["epochs"]) is int


@pytest.mark.parametrize("text", ["2024-01-31", "07:30:00", "2024-01-31T07:30:00"])
def test_a_date_is_a_text(text):
    assert parse_assignments([f"data={text}"]) == {"data": text}


@pytest.mark.parametrize("text", ["1" * 5000, "[" * 5000], ids=["digits", "brackets"])
def test_an_assignment_that_toml_cannot_take_is_a_text(text):
    assert parse_assignments([f"data={text}"]) == {"data": text}


def test_the_last_assignment_wins():
    assert parse_assignments(["a=1", "a=2"]) == {"a": 2}
    assert parse_assignments([]) == {}


@pytest.mark.parametrize("pair", ["", "lr", "=", "=3", "  =3"])
def test_an_assignment_without_key_or_sign(pair):
    with pytest.raises(RecycleNetError, match="expected KEY=VALUE"):
        parse_assignments([pair])


def test_differences_names_dotted_settings(config):
    changed = override(config, {"recipe.lr": 0.01, "seed": 5, "model.arch_args": {"depth": 2}})
    assert sorted(differences(config, changed)) == [
        "model.arch_args.depth: None → 2",
        "recipe.lr: 0.001 → 0.01",
        "seed: 1234 → 5",
    ]
    assert differences(config, config) == []
