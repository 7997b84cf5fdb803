"""Settings in each of their three ways in: a recipe in TOML, a run's config.json, and `--set KEY=VALUE`."""

import json
from dataclasses import asdict
from importlib.resources import files

from recyclenet.config import ModelConfig, TrainConfig
from recyclenet.recipes import RECIPES, differences, load_recipe, override, parse_assignments
from recyclenet.training.run_folder import RunFolder
from tests.fuzz.hostile import TEXT_TOKENS, Form, Target
from tests.fuzz.targets.scratch import scratch, scratch_file

_FLAG = b"--set "
_CONFIG = TrainConfig(
    "photos", ModelConfig(arch_args={"depth": 2}), load_recipe("paper"), mean=(0.5,) * 3, std=(1.0,) * 3
)
_TOKENS = (
    b"lr",
    b"recipe.lr=1",
    b"model.gates",
    b'["channel"]',
    b"model.arch_args.x",
    b"seed",
    b"'adamw'",
    b"[a]\nb=1\n",
)


def _read(data: bytes) -> None:
    if data.startswith(_FLAG):
        pairs = data.decode("utf-8", "surrogateescape").split(_FLAG.decode())[1:]
        changed = override(_CONFIG, parse_assignments(pairs))
        assert all(isinstance(line, str) for line in differences(_CONFIG, changed))
    elif data.lstrip().startswith(b"{"):
        scratch_file("config", "config.json", data)
        config = RunFolder(scratch("config")).read_config()
        assert differences(config, config) == [] or "nan" in str(config)
    else:
        load_recipe(str(scratch_file("config", "recipe.toml", data)))


TARGET = Target(
    [
        *(Form(files("recyclenet.configs").joinpath(f"{name}.toml").read_bytes()) for name in RECIPES),
        Form(json.dumps(asdict(_CONFIG), indent=2).encode()),
        Form(b"--set recipe.lr=0.01--set model.gates=['channel']--set mean=[0.5, 0.5, 0.5]--set seed=7"),
    ],
    _read,
    (*TEXT_TOKENS, _FLAG, *_TOKENS),
)
