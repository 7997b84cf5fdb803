"""From what the model believes to the bin it goes in: bins, materials, what mistakes cost, and the decision."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from recyclenet.errors import RecycleNetError
from recyclenet.strict import choices, from_dict
from recyclenet.toml_file import read_toml

RULES = ("default", "single-stream", "dual-stream", "deposit", "separate")
"""The rules that come with the package, by name."""

_MOST = 1e6  # a cost beyond this is a mistake in the file
_EQUAL = 1e-9  # costs that differ by less are the same, their sums only rounded differently


@dataclass(frozen=True)
class Bin:
    """A bin as people know it: its name, its colour as #rrggbb, and a hint on what to do before throwing."""

    name: str
    colour: str
    hint: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= 60 or not self.name.isprintable():
            raise RecycleNetError("a bin's name must have 1 to 60 printable characters")
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise RecycleNetError(f"a bin's colour must be written as #rrggbb, not {self.colour!r}")


ASK = Bin("ask", "#757575", "no rule for this material: ask where it belongs")


@dataclass(frozen=True)
class Costs:
    """What decisions cost, in any unit; only the proportions count. The right bin costs nothing.

    Attributes:
        ask: asking a person, whatever it is.
        wrong: a wrong bin of which `of` says nothing.
        of: material → {bin's key: cost of putting this material there}.
    """

    ask: float = 0.3
    wrong: float = 1.0
    of: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = [self.ask, self.wrong, *(value for row in self.of.values() for value in row.values())]
        if not all(0 <= value <= _MOST for value in values):
            raise RecycleNetError(f"every cost must lie between 0 and {_MOST:g}")


@dataclass(frozen=True)
class Decision:
    """The bin to use, or ASK.

    Attributes:
        key: the bin's in the rules; None for asking.
        bin: where it goes.
        cost: what this costs on average, over all materials that it may be.
        reason: one line for people.
    """

    key: str | None
    bin: Bin
    cost: float
    reason: str


@dataclass(frozen=True)
class Rules:
    """Which material goes in which bin; `bins` by key, `materials` from a label to a key."""

    bins: Mapping[str, Bin] = field(default_factory=dict)
    materials: Mapping[str, str] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)

    def bin_for(self, label: str) -> Bin:
        """The bin for a label; ASK for a material that the rules do not know."""
        return self.bins.get(self.materials.get(label, ""), ASK)

    def gap(self, classes: Iterable[str]) -> str | None:
        """A line for people on classes of a model that the rules do not know, if there are any."""
        missing = [label for label in classes if label not in self.materials]
        if not missing:
            return None
        return f"the rules say nothing of {', '.join(missing)}: what is answered so has no bin, and a person is asked"

    def cost(self, label: str, bin_key: str | None) -> float:
        """Of putting a material into a bin, or of asking (None).

        No bin is right for a material that the rules do not know: each costs what a wrong one does.
        """
        if bin_key is None:
            return self.costs.ask
        if self.materials.get(label) == bin_key:
            return 0.0
        return self.costs.of.get(label, {}).get(bin_key, self.costs.wrong)

    def decide(self, probs: Mapping[str, float], *, is_unknown: bool = False) -> Decision:
        """The cheapest decision on average; the earlier bin where two cost the same, asking only where it costs less.

        Args:
            probs: calibrated probabilities by label; of a model that is wrongly sure no decision is good.
            is_unknown: it is none of the materials; then a person is asked.
        """
        if is_unknown:
            return Decision(None, ASK, self.costs.ask, "none of these materials")
        expected = {key: sum(prob * self.cost(label, key) for label, prob in probs.items()) for key in self.bins}
        least = min(expected.values(), default=0.0)
        best = next((key for key, cost in expected.items() if cost <= least + _EQUAL), None)
        if best is None:
            return Decision(None, ASK, self.costs.ask, "the rules have no bins")
        if self.costs.ask < expected[best] - _EQUAL:
            reason = f"asking costs {self.costs.ask:.2f}, {self.bins[best].name} {expected[best]:.2f} on average"
            return Decision(None, ASK, self.costs.ask, reason)
        return Decision(best, self.bins[best], expected[best], f"costs {expected[best]:.2f} on average")


@dataclass(frozen=True)
class _RulesFile:
    bins: dict[str, Bin]
    materials: dict[str, str]
    costs: Costs = field(default_factory=Costs)


def default_rules() -> Rules:
    """The rules that come with the package, for TrashNet's six materials."""
    return load_rules("default")


def load_rules(name: str) -> Rules:
    """Shipped rules by name, or your own by the path of their TOML file.

    Raises:
        RecycleNetError: unknown name, unreadable file, or a bin, material or cost that does not fit the others.
    """
    if name in RULES:
        source: Any = files("recyclenet.configs.rules").joinpath(f"{name}.toml")
    elif name.endswith(".toml"):
        source = Path(name)
    else:
        raise RecycleNetError(f"unknown rules {name!r}: choose {', '.join(RULES)}, or give a file ending in .toml")
    return parse_rules(read_toml(source, f"the rules {name}"), f"rules {name}")


def parse_rules(table: Any, where: str) -> Rules:
    """Rules from a parsed TOML table; `where` names the file in errors.

    Raises:
        RecycleNetError: as `load_rules`.
    """
    parsed = from_dict(_RulesFile, table, where)
    if not parsed.bins:
        raise RecycleNetError(f"{where}: expected at least one bin, as [bins.paper] with name and colour")
    for material, key in parsed.materials.items():
        _check_known(key, parsed.bins, f"{where}: materials: {material} goes into the bin")
    for material, row in parsed.costs.of.items():
        _check_known(material, parsed.materials, f"{where}: costs.of: the material")
        for key, value in row.items():
            _check_known(key, parsed.bins, f"{where}: costs.of.{material}: the bin")
            if parsed.materials[material] == key and value != 0:
                raise RecycleNetError(f"{where}: costs.of.{material}: {key} is its right bin and costs 0, not {value}")
    return Rules(parsed.bins, parsed.materials, parsed.costs)


def _check_known(name: str, known: Mapping[str, object], what: str) -> None:
    if name not in known:
        raise RecycleNetError(f"{what} {name!r}, which the file does not have; {choices(name, known)}")
