"""A model's card: its figures are measured by the command that writes it, or read from what other commands measured."""

import hashlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recyclenet.data.folder import PhotoFolder
from recyclenet.data.splits import PhotoRecord
from recyclenet.data.trashnet import official_records
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Evaluation, Model, evaluate, load_model
from recyclenet.extras import require_extra
from recyclenet.model_card_results import TITLE, Results, results_lines
from recyclenet.predictor import read_model
from recyclenet.report import class_table, headline, matrix_table
from recyclenet.rules import load_rules
from recyclenet.sorting import sort_photos, sorting_lines
from recyclenet.stress.elsewhere import Elsewhere, measure_elsewhere
from recyclenet.stress.lines import elsewhere_lines, stress_lines
from recyclenet.trust import measure_trust, trust_lines

if TYPE_CHECKING:
    from recyclenet.stress.job import Stress


@dataclass(frozen=True)
class ModelCard:
    """What a card says: the file, and its evaluation on the split it was chosen on and on the one it was not.

    `stress` and `elsewhere` are None where they were not measured, `results` where none were read, `params` where they
    could not be counted, for example without torch.
    """

    model: Model
    size: int
    sha256: str
    val: Evaluation
    test: Evaluation
    stress: "Stress | None" = None
    elsewhere: Elsewhere | None = None
    results: Results | None = None
    params: int | None = None


def measure(
    model: str | Path | None,
    folder: PhotoFolder,
    *,
    with_stress: bool = False,
    elsewhere: Path | None = None,
    results: Results | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ModelCard:
    """Evaluates a model (the bundled one by default) on val and test.

    Args:
        model: an exported file.
        folder: the photos with the splits val and test.
        with_stress: also on changed test photos, see `run_stress`.
        elsewhere: also on these folders of other photos, see `measure_elsewhere`.
        results: what other commands measured, for the card to repeat.
        on_progress: told (photos done, photos in all), part by part.

    Raises:
        RecycleNetError: as `load_model`, `evaluate`, `run_stress` and `measure_elsewhere`.
    """
    data = read_model(model)
    loaded = load_model(model)
    val, test = (evaluate(loaded, folder, split, on_progress=on_progress) for split in ("val", "test"))
    return ModelCard(
        loaded,
        len(data),
        hashlib.sha256(data).hexdigest(),
        val,
        test,
        _run_stress(loaded, folder, on_progress) if with_stress else None,
        None if elsewhere is None else measure_elsewhere(loaded, elsewhere, on_progress=on_progress),
        results,
        _count_params(loaded.description),
    )


def _run_stress(model: Model, folder: PhotoFolder, on_progress: Callable[[int, int], None] | None) -> "Stress":
    from recyclenet.stress.job import run_stress  # needs the 'train' extra, as the rest of the card does not

    return run_stress(model, folder, "test", on_progress=on_progress)


def _count_params(description: ModelDescription) -> int | None:
    try:
        require_extra("train", "the number of parameters")
        from recyclenet.models.summary import count_params

        return count_params(description.model, len(description.classes))
    except RecycleNetError:  # no torch, or a network that its libraries do not know: the file answers without them
        return None


def to_markdown(card: ModelCard, folder: Path = Path()) -> str:
    """The card as Markdown, for a file in `folder`, from where pictures are linked."""
    description = card.model.description
    config, spec, training = description.model, description.preprocess, description.training
    scores = card.test.scores
    weakest = min((item for item in scores.per_class if item.support), key=lambda item: item.f1)
    lines = [
        f"# Model card: {card.model.name}",
        "",
        _written_by(card),
        "",
        "| | |",
        "|---|---|",
        f"| network | {config.arch}, attention {config.attn} ({config.attn_at}) |",
        *([] if card.params is None else [f"| parameters | {card.params:,} |"]),
        f"| answers | {', '.join(description.classes)} |",
        f"| input | RGB, shorter side to {spec.resize} px, centre {spec.img_size}×{spec.img_size}, "
        f"mean {_numbers(spec.mean)}, std {_numbers(spec.std)} |",
        f"| file | {card.size / 1e6:.2f} MB, SHA-256 `{card.sha256}` |",
        f"| trained on | {description.data.get('name', 'unknown')}, split train, from "
        f"{training.get('pretrained', 'unknown')} |",
        f"| training | {_training(training)} |",
        *([f"| teachers | {training['teachers']} |"] if "teachers" in training else []),
        "",
        "## How good it is",
        "",
        f"On {card.test.data}'s test split: **{headline(scores)}**.",
        f"On its val split, for choices such as the epoch: {headline(card.val.scores)}.",
        "",
        "| split | correct | photos | macro-F1 | NLL | ECE |",
        "|---|---|---|---|---|---|",
        *(_split_row(item) for item in (card.val, card.test)),
        "",
        *class_table(scores),
        "",
        *matrix_table(scores, description.classes),
        "",
        *_trust_section(card),
        *_away_section(card),
        *([] if card.results is None else results_lines(card.results, folder)),
        "## What it is not good at",
        "",
        f"- Its weakest class on test is {weakest.label}: F1 {weakest.f1:.3f} over {weakest.support} photos.",
        *_unknown_limit(card),
        *(_TRASHNET_LIMITS if card.test.records == _official_test() else ()),
        "",
    ]
    return "\n".join(lines)


_TRASHNET_LIMITS = (
    "- TrashNet's photos show single items on a white board; other backgrounds and several items in one photo are not "
    "what its test figures speak of.",
    "- Some of TrashNet's objects were photographed more than once and stand in more than one of its splits.",
)


def _written_by(card: ModelCard) -> str:
    command = ["recyclenet", "model-card"]
    command += [] if card.stress is None else ["--stress"]
    command += [] if card.elsewhere is None else ["--elsewhere", card.elsewhere.data]
    command += [] if card.results is None else ["--results", card.results.folder.resolve().name]
    others = "" if card.results is None else f', but for those under "{TITLE}", which it read'
    return f"Written by `{shlex.join(command)}`; every figure below was measured by that command{others}."


def _training(training: Mapping[str, Any]) -> str:
    if "mixed" in training:  # by `recyclenet soup`
        epochs = f", {training['epochs']} epochs" if "epochs" in training else ""  # missing where the parts differ
        return f"recipe {training.get('recipe')}{epochs}; weights {training['mixed']}"
    return (
        f"recipe {training.get('recipe')}, epoch {training.get('epoch')} of {training.get('epochs')}, "
        f"seed {training.get('seed')}"
    )


def _trust_section(card: ModelCard) -> list[str]:
    calibration = card.model.description.calibration
    if calibration is None:
        return ["## Can it be trusted?", "", "It has not been calibrated: its probabilities are the plain softmax.", ""]
    default = sort_photos(card.test, load_rules("default"), "default") if _has_bins(card) else None
    return [
        "## Can it be trusted?",
        "",
        f"Temperature {calibration.temperature:.3f}, and sets by {calibration.set_method} with the threshold "
        f"{calibration.set_threshold:.3f}, were fitted on {calibration.photos} photos of val. The epoch was chosen on "
        "these photos too, so what is fitted on them may be a little too sure; the figures below are of test, which "
        "neither saw.",
        "",
        *trust_lines(measure_trust(card.test)),
        "",
        *(["### Into bins", "", *sorting_lines(default), ""] if default is not None else []),
    ]


def _away_section(card: ModelCard) -> list[str]:
    if card.stress is None and card.elsewhere is None:
        return []
    return [
        "## Away from the white board",
        "",
        *([] if card.stress is None else [*stress_lines(card.stress), ""]),
        *([] if card.elsewhere is None else [*elsewhere_lines(card.elsewhere), ""]),
    ]


def _has_bins(card: ModelCard) -> bool:
    return set(card.model.description.classes) <= set(load_rules("default").materials)


def _unknown_limit(card: ModelCard) -> list[str]:
    classes = card.model.description.classes
    if card.test.unknown is None:
        return [f"- It answers one of {len(classes)} classes for whatever it sees, also for what is none of them."]
    return [
        f'- It says "none of these" to what looks unlike its photos, but it has seen {len(classes)} classes only: '
        "many a thing that is none of them still gets an answer."
    ]


def _official_test() -> tuple[PhotoRecord, ...]:
    return tuple(record for record in official_records() if record.split == "test")


def _split_row(evaluation: Evaluation) -> str:
    scores = evaluation.scores
    return (
        f"| {evaluation.split} | {scores.correct} | {scores.total} | {scores.macro_f1:.3f} | "
        f"{scores.nll:.3f} | {scores.ece:.3f} |"
    )


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
