"""From a material to the bin it goes in."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from recyclenet.strict import from_dict


@dataclass(frozen=True)
class Bin:
    """A bin as people know it: its name, its colour as #rrggbb, and a hint on what to do before throwing."""

    name: str
    colour: str
    hint: str = ""


ASK = Bin("ask", "#757575", "no rule for this material: ask where it belongs")


@dataclass(frozen=True)
class Rules:
    """Which material goes in which bin; `bins` by key, `materials` from a label to a key."""

    bins: Mapping[str, Bin] = field(default_factory=dict)
    materials: Mapping[str, str] = field(default_factory=dict)

    def bin_for(self, label: str) -> Bin:
        """The bin for a label; ASK for a material that the rules do not know."""
        return self.bins.get(self.materials.get(label, ""), ASK)


@dataclass(frozen=True)
class _RulesFile:
    bins: dict[str, Bin]
    materials: dict[str, str]


def default_rules() -> Rules:
    """The rules that come with the package, for TrashNet's six materials."""
    table = tomllib.loads(files("recyclenet.configs").joinpath("rules.toml").read_text(encoding="utf-8"))
    parsed = from_dict(_RulesFile, table, "rules.toml")
    return Rules(parsed.bins, parsed.materials)
