"""The shipped training recipes, and changes to single settings from flags."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from recyclenet.config import Recipe
from recyclenet.errors import RecycleNetError
from recyclenet.strict import from_dict
from recyclenet.toml_file import parse_toml, read_toml

RECIPES = ("paper", "fast", "best")

T = TypeVar("T")


def load_recipe(name: str) -> Recipe:
    """A shipped recipe by name, or one of your own by the path of its TOML file.

    Raises:
        RecycleNetError: unknown name, unreadable file, or settings that are unknown or out of range.
    """
    if name in RECIPES:
        source: Any = files("recyclenet.configs").joinpath(f"{name}.toml")
    elif name.endswith(".toml"):
        source = Path(name)
    else:
        raise RecycleNetError(f"unknown recipe {name!r}: choose {', '.join(RECIPES)}, or give a file ending in .toml")
    return from_dict(Recipe, read_toml(source, f"the recipe {name}"), f"recipe {name}")


def override(config: T, changes: Mapping[str, Any]) -> T:
    """The same dataclass with single settings changed; keys are dotted paths such as "recipe.lr".

    Raises:
        RecycleNetError: a key that does not exist or a value that does not fit.
    """
    table = dataclasses.asdict(config)  # type: ignore[call-overload]
    for key, value in changes.items():
        *parents, last = key.split(".")
        place = table
        for parent in parents:
            place = place.get(parent, {}) if isinstance(place, dict) else {}
        known = place if isinstance(place, dict) else {}
        if last not in known:
            raise RecycleNetError(f"unknown setting {key!r}; known here: {', '.join(known) or 'none'}")
        place[last] = value
    return from_dict(type(config), table, "settings")


def parse_assignments(pairs: Iterable[str]) -> dict[str, Any]:
    """KEY=VALUE texts as a dict; values as in TOML (numbers, true, "text", [1, 2]), anything else as text.

    Raises:
        RecycleNetError: a text without '='.
    """
    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise RecycleNetError(f"expected KEY=VALUE, not {pair!r}")
        values[key.strip()] = _parse_value(text)
    return values


def _parse_value(text: str) -> Any:
    try:
        value = parse_toml(f"value = {text}")["value"]
    except ValueError:  # not TOML, a number of too many digits, brackets without end
        return text
    return text if isinstance(value, (dt.date, dt.time)) else value


def differences(old: object, new: object) -> list[str]:
    """Settings that differ between two configurations, as "recipe.lr: 0.001 → 0.01"."""
    before, after = (_flat(dataclasses.asdict(item)) for item in (old, new))  # type: ignore[call-overload]
    return [
        f"{key}: {before.get(key)} → {after.get(key)}"
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
