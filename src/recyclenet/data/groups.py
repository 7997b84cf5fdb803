"""Photos that belong together are dealt together: grouped, stratified, seeded."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from recyclenet.data.splits import seeded_key

Labelled = Sequence[tuple[str, str]]
"""(path, label) pairs."""

Groups = Mapping[str, str]
"""Path → the name of its group, any text; a path that is not in it is a group of its own."""


def connect(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Joins what pairs connect, over any number of steps: for each of `count` things, the first of its group."""
    parent = list(range(count))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]  # halves the way for those who come after
            item = parent[item]
        return item

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return [root(item) for item in range(count)]


def deal(labelled: Labelled, groups: Groups, targets: Sequence[Mapping[str, int]], *, seed: int) -> dict[str, int]:
    """Deals photos into parts so that each part gets its number of every label and no group is divided.

    Groups of several photos go first, the largest before the others, those of one size in the order of SHA-256 over
    seed and first path: each to the part where it exceeds the targets least, among these to the part that has the
    largest share of its targets still to get, among these to the first. Single photos then fill what is left, label
    by label, in the order of SHA-256 over seed and path. Where large groups have taken more than a target, the parts
    that still want most give way.

    Args:
        labelled: the photos; their order does not matter.
        groups: which belong together.
        targets: for each part, how many of each label; over all parts they sum to the photos of that label.
        seed: any whole number.

    Returns:
        Path → number of its part.
    """
    members: dict[str, list[tuple[str, str]]] = {}
    for path, label in sorted(labelled):
        members.setdefault(f"group {groups[path]}" if path in groups else f"photo {path}", []).append((path, label))
    left = [Counter(dict(target)) for target in targets]
    parts: dict[str, int] = {}
    several = [unit for unit in members.values() if len(unit) > 1]
    for unit in sorted(several, key=lambda unit: (-len(unit), seeded_key(seed, unit[0][0]))):
        chosen = _part_for(Counter(label for _, label in unit), left, targets)
        left[chosen].subtract(label for _, label in unit)
        parts |= {path: chosen for path, _ in unit}
    singles: dict[str, list[str]] = {}
    for unit in members.values():
        if len(unit) == 1:
            singles.setdefault(unit[0][1], []).append(unit[0][0])
    for label, paths in singles.items():
        paths.sort(key=lambda path: seeded_key(seed, path))
        start = 0
        for part, count in enumerate(_fitting([left[label] for left in left], len(paths))):
            parts |= dict.fromkeys(paths[start : start + count], part)
            start += count
    return parts


def _part_for(unit: Counter[str], left: Sequence[Counter[str]], targets: Sequence[Mapping[str, int]]) -> int:
    def cost(part: int) -> tuple[int, Fraction, int]:
        excess = sum(max(0, count - left[part][label]) for label, count in unit.items())
        wanted = sum(
            (Fraction(count * left[part][label], max(1, targets[part].get(label, 0))) for label, count in unit.items()),
            Fraction(0),
        )
        return excess, -wanted, part

    # A part that is to stay empty gets nothing, however full the others are.
    return min((part for part, target in enumerate(targets) if sum(target.values()) > 0), key=cost)


def _fitting(wanted: Sequence[int], total: int) -> list[int]:
    counts = [max(0, count) for count in wanted]
    while sum(counts) > total:
        counts[counts.index(max(counts))] -= 1
    return counts
