"""How well a model sorts by given rules: right bins, what ends up in each stream, and what it all costs."""

from collections.abc import Sequence
from dataclasses import dataclass

from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Evaluation
from recyclenet.metrics import wilson_interval
from recyclenet.rules import Rules


@dataclass(frozen=True)
class Stream:
    """What was put into one bin: `foreign` of `photos` belong elsewhere; the interval of that share is Wilson's."""

    bin: str
    photos: int
    foreign: int
    interval: tuple[float, float]


@dataclass(frozen=True)
class Sorted:
    """What one way of deciding did with all photos.

    Attributes:
        correct: photos in their right bin.
        asked: photos that a person was asked about.
        total: all photos.
        cost: mean cost of what was done, by the photos' true materials.
        streams: the bins, in the order of the rules.
    """

    correct: int
    asked: int
    total: int
    cost: float
    streams: tuple[Stream, ...]


@dataclass(frozen=True)
class Sorting:
    """Decisions by least expected cost beside plain argmax (always the likeliest material's bin).

    `expected_cost` is what the decisions thought that they cost, by the model's probabilities: near
    `decided.cost` if these can be trusted.
    """

    rules: str
    decided: Sorted
    argmax: Sorted
    expected_cost: float


def sort_photos(evaluation: Evaluation, rules: Rules, name: str) -> Sorting:
    """Decides for every photo of an evaluation; `name` is the rules'.

    Raises:
        RecycleNetError: a class of the model that the rules have no bin for.
    """
    classes = evaluation.model.description.classes
    missing = [label for label in classes if label not in rules.materials]
    if missing:
        raise RecycleNetError(f"the rules {name} have no bin for {', '.join(missing)}: add it under [materials]")
    probs = evaluation.probs
    decisions = [
        rules.decide(dict(zip(classes, map(float, row), strict=True)), is_unknown=bool(unknown))
        for row, unknown in zip(probs, evaluation.is_unknown, strict=True)
    ]
    likeliest = [rules.materials[classes[place]] for place in probs.argmax(axis=1)]
    return Sorting(
        rules=name,
        decided=_tally(evaluation, rules, [decision.key for decision in decisions]),
        argmax=_tally(evaluation, rules, likeliest),
        expected_cost=sum(decision.cost for decision in decisions) / len(decisions),
    )


def _tally(evaluation: Evaluation, rules: Rules, chosen: Sequence[str | None]) -> Sorted:
    labels = [record.label for record in evaluation.records]
    streams = []
    for key, target in rules.bins.items():
        inside = [label for label, choice in zip(labels, chosen, strict=True) if choice == key]
        foreign = sum(rules.materials[label] != key for label in inside)
        streams.append(Stream(target.name, len(inside), foreign, wilson_interval(foreign, len(inside))))
    return Sorted(
        correct=sum(rules.materials[label] == choice for label, choice in zip(labels, chosen, strict=True)),
        asked=sum(choice is None for choice in chosen),
        total=len(labels),
        cost=sum(rules.cost(label, choice) for label, choice in zip(labels, chosen, strict=True)) / len(labels),
        streams=tuple(streams),
    )


def sorting_lines(sorting: Sorting) -> list[str]:
    """Markdown lines: right bins, asked, cost, and the share of foreign photos in each stream."""
    decided, argmax = sorting.decided, sorting.argmax
    lines = [
        f"Rules `{sorting.rules}`; {decided.total} photos. Costs are means a photo, in the rules' unit.",
        "",
        "| decision | right bin | wrong bin | asked | right of those put into a bin | cost |",
        "|---|---|---|---|---|---|",
        f"| least expected cost | {_row(decided)} (expected {sorting.expected_cost:.3f}) |",
        f"| likeliest material | {_row(argmax)} |",
        "",
        "| stream | foreign, least expected cost | foreign, likeliest material |",
        "|---|---|---|",
    ]
    lines += [
        f"| {_cell(one.bin)} | {_foreign(one)} | {_foreign(other)} |"
        for one, other in zip(decided.streams, argmax.streams, strict=True)
    ]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _row(item: Sorted) -> str:
    put = item.total - item.asked
    low, high = wilson_interval(item.correct, put)
    share = f"{100 * item.correct / put:.1f} % ({100 * low:.1f}–{100 * high:.1f})" if put else "–"
    return f"{item.correct} | {put - item.correct} | {item.asked} | {share} | {item.cost:.3f}"


def _foreign(stream: Stream) -> str:
    if stream.photos == 0:
        return "empty"
    low, high = stream.interval
    share = 100 * stream.foreign / stream.photos
    return f"{stream.foreign} of {stream.photos} = {share:.1f} % ({100 * low:.1f}–{100 * high:.1f})"
