"""The one order of class names, for every model, report and picture."""

from collections.abc import Iterable

# TrashNet's own numbering (1 = glass … 6 = trash), which the published checkpoints use too.
TRASHNET_CLASSES: tuple[str, ...] = ("glass", "paper", "cardboard", "plastic", "metal", "trash")


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Distinct labels in the order that models use: TrashNet's for its own names, else alphabetical.

    A folder with some of TrashNet's classes keeps their relative order; one foreign name makes the
    whole list alphabetical, so that the order never depends on which photos were found first.
    """
    distinct = set(labels)
    if distinct <= set(TRASHNET_CLASSES):
        return tuple(name for name in TRASHNET_CLASSES if name in distinct)
    return tuple(sorted(distinct))
