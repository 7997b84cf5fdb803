"""What is compared with what: the original's four tables, with the rows that make them fair, and recipes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from recyclenet.config import RESNETS, ModelConfig, Recipe, Scalar
from recyclenet.errors import RecycleNetError
from recyclenet.strict import choices

_NAMES = {"none": "no attention", "se": "SE", "cbam": "CBAM", "recyclenet": "RecycleNet"}


@dataclass(frozen=True)
class Variant:
    """A network, its start and its training: one line of a table.

    Attributes:
        model: the network.
        pretrained: false for training from scratch.
        settings: those that differ from the ablation's recipe.
        taught: whether it learns the answers of the ablation's teachers, too.
    """

    model: ModelConfig
    pretrained: bool = True
    settings: tuple[tuple[str, Scalar], ...] = ()
    taught: bool = False

    @property
    def key(self) -> str:
        """A name for files; different for variants that differ."""
        model = self.model
        parts = [model.arch, model.attn]
        if model.attn != "none":
            parts.append(model.attn_at)
        if model.attn == "recyclenet":
            parts.append("-".join(model.gates) if len(model.gates) == 1 else model.combine)
        parts += [f"{name}-{value}" for name, value in self.settings]
        if self.taught:
            parts.append("taught")
        # A setting's value becomes part of a folder's name.
        return re.sub(r"[^\w.-]", "_", "-".join([*parts, "" if self.pretrained else "scratch"]).rstrip("-"))

    @property
    def name(self) -> str:
        """For people, without the architecture."""
        model = self.model
        name = _NAMES[model.attn]
        if model.attn != "none":
            name += " in every block" if model.attn_at == "blocks" else " at the end"
        if model.attn == "recyclenet" and len(model.gates) == 1:
            name += f", {model.gates[0]} gate only"
        elif model.attn == "recyclenet":
            name += f", gates combined by {model.combine}"
        name += "".join(f", {setting} {value}" for setting, value in self.settings)
        name += ", taught" if self.taught else ""
        return name if self.pretrained else f"{name}, from scratch"


@dataclass(frozen=True)
class Table:
    """Variants of one architecture to compare; `baseline` is the one that the others are tested against."""

    title: str
    arch: str
    baseline: Variant
    variants: tuple[Variant, ...]


SUITES = ("pretraining", "modules", "gates", "combine", "paper")
RECIPE = "recipe"  # the suite of `recipe_tables`


LEVERS: dict[str, Scalar] = {
    "start": "fresh",
    "keep": 0.0,
    "head_lr_scale": 1.0,
    "layer_decay": 1.0,
    "warmup": 0.0,
    "label_smoothing": 0.0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "ema_decay": 0.0,
    "augment": "paper",
    "surfaces": 0.0,
    "consistency": 0.0,
}
"""What a recipe can do without, and the value that is without it."""


def suite_tables(
    suite: str,
    archs: Sequence[str],
    arch_args: dict[str, Scalar] | None = None,
    *,
    pretrained: bool = True,
    whole_network: bool = True,
) -> list[Table]:
    """The tables of a suite, one for each question and architecture.

    Args:
        suite: one of SUITES; "paper" is all the others together.
        archs: architectures; those whose blocks can carry attention (ResNets) get the rows for it.
        arch_args: passed to every backbone.
        pretrained: whether there are pretrained weights; without them every network starts from scratch and
            "pretraining" has nothing to compare with.
        whole_network: whether the recipe trains the whole backbone and nothing but the labels leads it; otherwise
            attention in its blocks has no place, and those rows are left out.

    Raises:
        RecycleNetError: unknown suite, or one about the start for a recipe that keeps it.
    """
    if suite not in SUITES:
        raise RecycleNetError(f"unknown suite {suite!r}; {choices(suite, (*SUITES, RECIPE))}")
    if suite in ("pretraining", "paper") and not whole_network:
        raise RecycleNetError(
            f"the suite {suite!r} needs a recipe that trains whole networks: --recipe paper, or "
            "--set recipe.trained_stages=-1 --set recipe.keep=0"
        )
    names = [name for name in SUITES if name != "paper"] if suite == "paper" else [suite]
    tables = [
        _TABLES[name](Variant(ModelConfig(arch=arch, arch_args=dict(arch_args or {})), pretrained))
        for name in names
        for arch in dict.fromkeys(archs)
    ]
    return tables if whole_network else [_without_blocks(table) for table in tables]


def recipe_tables(
    recipe: Recipe,
    archs: Sequence[str],
    arch_args: Mapping[str, Scalar],
    changes: Sequence[Mapping[str, Scalar]] = (),
    *,
    pretrained: bool = True,
    teachers: bool = False,
) -> list[Table]:
    """A recipe beside itself with something else in it, trained with RecycleNet's attention at the end.

    Args:
        recipe: the baseline.
        archs: a table each.
        arch_args: passed to every backbone.
        changes: the settings that differ, a line each; without any, each of the recipe's own levers in turn is
            taken away.
        pretrained: as in `suite_tables`.
        teachers: whether there are any; then one line more is the recipe as it is with their answers to learn, and
            lines with another `distill` learn them, too.
    """
    lines = changes or [{name: off} for name, off in LEVERS.items() if getattr(recipe, name) != off]
    tables = []
    for arch in dict.fromkeys(archs):
        whole = Variant(ModelConfig(arch=arch, attn="recyclenet", arch_args=dict(arch_args)), pretrained)
        variants = [
            replace(whole, settings=tuple(line.items()), taught=teachers and "distill" in line) for line in lines
        ]
        variants += [replace(whole, taught=True)] if teachers else []
        tables.append(Table(f"The recipe {recipe.name}, changed", arch, whole, (whole, *variants)))
    return tables


def _without_blocks(table: Table) -> Table:
    return replace(table, variants=tuple(item for item in table.variants if not item.model.attn_in_blocks))


def _pretraining(plain: Variant) -> Table:
    scratch = replace(plain, pretrained=False)
    variants = (scratch, plain) if plain.pretrained else (scratch,)
    return Table("Start: from scratch or from ImageNet weights", plain.model.arch, scratch, variants)


def _modules(plain: Variant) -> Table:
    end = [_with(plain, attn=attn) for attn in ("se", "cbam", "recyclenet")]
    in_blocks = [_with(plain, attn=attn, attn_at="blocks") for attn in ("se", "cbam", "recyclenet")]
    # Published: SE and CBAM in every block, RecycleNet at the end. Fair: all three in either place.
    variants = [plain, *(in_blocks if plain.model.arch in RESNETS else ()), *end]
    return Table("Attention module and its place", plain.model.arch, plain, tuple(variants))


def _gates(plain: Variant) -> Table:
    spatial, channel = (_with(plain, attn="recyclenet", gates=(gate,)) for gate in ("spatial", "channel"))
    both = _with(plain, attn="recyclenet")
    return Table("RecycleNet's gates", plain.model.arch, plain, (plain, spatial, channel, both))


def _combine(plain: Variant) -> Table:
    by = {how: _with(plain, attn="recyclenet", combine=how) for how in ("mul", "max", "sum")}
    return Table("How the two gates combine", plain.model.arch, by["sum"], tuple(by.values()))


def _with(plain: Variant, **changes: object) -> Variant:
    return replace(plain, model=replace(plain.model, **changes))  # type: ignore[arg-type]


_TABLES = {"pretraining": _pretraining, "modules": _modules, "gates": _gates, "combine": _combine}
