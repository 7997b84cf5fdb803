"""The stress tables in Markdown."""

from typing import TYPE_CHECKING

from recyclenet.metrics import wilson_interval

if TYPE_CHECKING:
    from recyclenet.stress.elsewhere import Elsewhere
    from recyclenet.stress.job import Stress


def stress_lines(found: "Stress") -> list[str]:
    """One row a condition, as lines."""
    return [
        f"{found.total} photos of {found.data}'s {found.split} split, changed (`recyclenet stress`); "
        f"{found.correct} are answered right as they are. On new surfaces only items that can be told from their white "
        "board count.",
        "",
        "| photos | right | of | share | 95 % interval | the same photos as they are |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row.condition.meaning} | {row.correct} | {row.total} | {' | '.join(share(row.correct, row.total))} "
            f"| {row.unchanged} |"
            for row in found.rows
        ),
    ]


def elsewhere_lines(found: "Elsewhere") -> list[str]:
    """One row a folder and one for all, as lines; what was said of strangers below."""
    lines = [
        f"Photos from elsewhere ({found.data}), none of them ever trained on:",
        "",
        "| folder | right | of | share | 95 % interval |",
        "|---|---|---|---|---|",
        *(
            f"| {place.name} | {place.correct} | {place.total} | {' | '.join(share(place.correct, place.total))} |"
            for place in found.places
        ),
        f"| **all** | {found.correct} | {found.total} | {' | '.join(share(found.correct, found.total))} |",
    ]
    if (strangers := found.strangers) is not None:
        lines += [
            "",
            f'"None of these" is said of {strangers.named} of {strangers.total} photos of other things, and wrongly of '
            f"{strangers.misnamed} of these {strangers.friends}; the unknown score tells the two apart with AUROC "
            f"{strangers.auroc:.3f}, FPR95 {strangers.fpr95:.3f}.",
        ]
    return lines


def share(correct: int, total: int) -> tuple[str, str]:
    """As a percentage, and its 95 % interval."""
    if not total:
        return "–", "–"
    low, high = wilson_interval(correct, total)
    return f"{100 * correct / total:.1f} %", f"{100 * low:.1f}–{100 * high:.1f}"
