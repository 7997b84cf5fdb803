"""An evaluation written down: JSON and CSV for programs, Markdown for repositories, HTML for people."""

import base64
import csv
import html
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import recyclenet
from recyclenet.atomic import make_folder, write_bytes, write_text
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import Evaluation
from recyclenet.machine import describe
from recyclenet.metrics import Scores
from recyclenet.photo import load_photo
from recyclenet.pictures.confusion import confusion_picture
from recyclenet.pictures.curves import reliability_picture, risk_picture
from recyclenet.sorting import Sorting, sorting_lines
from recyclenet.trust import Trust, measure_trust, trust_lines, trust_table

_WORST = 24
_THUMBNAIL = 160
_LARGEST_PICTURE = 60  # classes; beyond that a matrix is not a picture any more


def write_report(evaluation: Evaluation, out: str | Path, root: Path, sorting: Sorting | None = None) -> list[Path]:
    """Writes metrics.json, report.md, report.html, predictions.csv and confusion.png.

    For a model that carries a calibration also reliability.png and risk-coverage.png.

    Args:
        evaluation: what to write.
        out: folder, made if needed.
        root: the data folder, for thumbnails of the worst mistakes.
        sorting: what was decided by rules, if any were given.

    Returns:
        The files written.
    """
    folder = make_folder(out)
    files = {
        "metrics.json": json.dumps(to_table(evaluation, sorting), indent=2, ensure_ascii=False) + "\n",
        "report.md": to_markdown(evaluation, sorting),
        "report.html": to_html(evaluation, root),
        "predictions.csv": to_csv(evaluation),
    }
    for name, text in files.items():
        write_text(folder / name, text)
    pictures = _pictures(evaluation)
    for name, data in pictures.items():
        write_bytes(folder / name, data)
    return [folder / name for name in (*files, *pictures)]


def to_table(evaluation: Evaluation, sorting: Sorting | None = None) -> dict[str, Any]:
    """Everything but the single photos, as plain values."""
    scores, trust = asdict(evaluation.scores), _trust(evaluation)
    return {
        "model": evaluation.model.name,
        "kind": evaluation.model.kind,
        "data": evaluation.data,
        "split": evaluation.split,
        "fingerprint": evaluation.fingerprint,
        "classes": list(evaluation.model.description.classes),
        **scores,
        "trust": None if trust is None else trust_table(trust),
        "sorting": None if sorting is None else asdict(sorting),
        "description": _description_table(evaluation.model.description),
        "recyclenet": recyclenet.__version__,
        "machine": describe(),
    }


def _description_table(description: ModelDescription) -> dict[str, Any]:
    """The description without the unknown score's arrays: nobody reads a hundred thousand letters of base64."""
    table = asdict(description)
    if description.calibration is not None and description.calibration.unknown is not None:
        for name in ("mean", "plane", "classes"):
            del table["calibration"]["unknown"][name]
    return table


def headline(scores: Scores) -> str:
    """Accuracy in one line, as in: 407/431 = 94.4 % (95 % interval 91.9–96.2)."""
    low, high = scores.interval
    return (
        f"{scores.correct}/{scores.total} = {100 * scores.accuracy:.1f} % "
        f"(95 % interval {100 * low:.1f}–{100 * high:.1f})"
    )


def to_markdown(evaluation: Evaluation, sorting: Sorting | None = None) -> str:
    """Headline, scores, per-class table, confusion matrix; calibration and decisions where there are any."""
    scores = evaluation.scores
    classes = evaluation.model.description.classes
    lines = [
        f"# {evaluation.model.name} on {evaluation.data}, split {evaluation.split}",
        "",
        f"Accuracy **{headline(scores)}**, macro-F1 {scores.macro_f1:.3f}, NLL {scores.nll:.3f}, ECE {scores.ece:.3f}.",
        "",
        *class_table(scores),
        "",
        *matrix_table(scores, classes),
        "",
    ]
    trust = _trust(evaluation)
    if trust is not None:
        lines += ["## Can it be trusted?", "", *trust_lines(trust), ""]
        lines += ["![reliability](reliability.png) ![risk and coverage](risk-coverage.png)", ""]
    if sorting is not None:
        lines += ["## Into bins", "", *sorting_lines(sorting), ""]
    return "\n".join(lines)


def class_table(scores: Scores) -> list[str]:
    """Markdown lines: precision, recall, F1 and photos of each class."""
    lines = ["| class | precision | recall | F1 | photos |", "|---|---|---|---|---|"]
    lines += [
        f"| {markdown_cell(item.label)} | {item.precision:.3f} | {item.recall:.3f} | {item.f1:.3f} | {item.support} |"
        for item in scores.per_class
    ]
    return lines


def matrix_table(scores: Scores, classes: Sequence[str]) -> list[str]:
    """Markdown lines: rows are true classes, columns answers."""
    lines = ["| true \\ answer | " + " | ".join(map(markdown_cell, classes)) + " |", "|---" * (len(classes) + 1) + "|"]
    lines += [
        f"| {markdown_cell(name)} | " + " | ".join(str(value) for value in row) + " |"
        for name, row in zip(classes, scores.confusion, strict=True)
    ]
    return lines


def to_csv(evaluation: Evaluation) -> str:
    """One row a photo: path, label, answer, correct, prob, and each class's probability."""
    classes = evaluation.model.description.classes
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "answer", "correct", "prob", *(f"prob_{name}" for name in classes)])
    for record, probs in zip(evaluation.records, evaluation.probs, strict=True):
        best = int(probs.argmax())
        writer.writerow(
            [record.path, record.label, classes[best], int(classes[best] == record.label), f"{probs[best]:.6f}"]
            + [f"{value:.6f}" for value in probs]
        )
    return text.getvalue()


def to_html(evaluation: Evaluation, root: Path) -> str:
    """One self-contained page: figures, the confusion matrix as a picture, thumbnails of the surest mistakes."""
    scores = evaluation.scores
    title = html.escape(f"{evaluation.model.name} on {evaluation.data}, split {evaluation.split}")
    rows = "".join(
        f"<tr><th>{html.escape(item.label)}</th><td>{item.precision:.3f}</td><td>{item.recall:.3f}</td>"
        f"<td>{item.f1:.3f}</td><td>{item.support}</td></tr>"
        for item in scores.per_class
    )
    picture = _matrix_png(evaluation)
    matrix = f'<img alt="confusion matrix" src="{_data_uri(picture, "png")}">' if picture else ""
    return _PAGE.format(
        title=title,
        headline=html.escape(headline(scores)),
        macro_f1=scores.macro_f1,
        nll=scores.nll,
        ece=scores.ece,
        rows=rows,
        matrix=matrix,
        mistakes=_mistakes(evaluation, root),
    )


def _trust(evaluation: Evaluation) -> Trust | None:
    """None where the model carries no calibration."""
    return None if evaluation.model.description.calibration is None else measure_trust(evaluation)


def _pictures(evaluation: Evaluation) -> dict[str, bytes]:
    """PNG files by name."""
    found = {}
    matrix = _matrix_png(evaluation)
    if matrix is not None:
        found["confusion.png"] = matrix
    trust = _trust(evaluation)
    if trust is not None:
        bars = [(item.low, item.high, item.correct / item.photos) for item in trust.reliability if item.photos]
        name = f"{evaluation.data}, split {evaluation.split}"
        found["reliability.png"] = _png(reliability_picture(bars, f"Reliability on {name}"))
        points = [
            (answered / trust.total, wrong / answered)
            for answered, wrong in zip(trust.risk.answered.tolist(), trust.risk.wrong.tolist(), strict=True)
        ]
        found["risk-coverage.png"] = _png(risk_picture(points, f"Risk and coverage on {name}"))
    return found


def _matrix_png(evaluation: Evaluation) -> bytes | None:
    classes = evaluation.model.description.classes
    if len(classes) > _LARGEST_PICTURE:
        return None
    return _png(confusion_picture(evaluation.scores.confusion, classes))


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _mistakes(evaluation: Evaluation, root: Path) -> str:
    """Wrong answers, the surest first: those are the ones to learn from."""
    probs = evaluation.probs
    classes = evaluation.model.description.classes
    answers = probs.argmax(axis=1)
    wrong = [i for i, record in enumerate(evaluation.records) if classes[answers[i]] != record.label]
    wrong.sort(key=lambda i: -probs[i, answers[i]])
    figures = []
    for i in wrong[:_WORST]:
        record = evaluation.records[i]
        text = f"{record.path}: {record.label}, answered {classes[answers[i]]} ({100 * float(np.max(probs[i])):.0f} %)"
        figures.append(
            f'<figure><img alt="" src="{thumbnail_uri(root / record.path)}">'
            f"<figcaption>{html.escape(text)}</figcaption></figure>"
        )
    count = f"<h2>Mistakes: {len(wrong)}, the surest first</h2>"
    return count + "".join(figures) if wrong else "<h2>No mistakes</h2>"


def thumbnail_uri(path: Path) -> str:
    """A small JPEG of a photo as a data: URI for a page; empty when it cannot be read."""
    try:
        photo = load_photo(path, min_side=_THUMBNAIL)
    except RecycleNetError:  # gone since it was evaluated; the report is still of use
        return ""
    photo.thumbnail((_THUMBNAIL * 4 // 3, _THUMBNAIL))
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=80)
    return _data_uri(stream.getvalue(), "jpeg")


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def markdown_cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }} th, td {{ padding: .2rem .8rem; text-align: right; }}
th:first-child {{ text-align: left; }}
tr + tr {{ border-top: 1px solid #8884; }} img {{ max-width: 100%; background: white; }}
figure {{ display: inline-block; width: 13.5rem; margin: .5rem; vertical-align: top; font-size: .85rem; }}
</style></head><body>
<h1>{title}</h1>
<p>Accuracy <strong>{headline}</strong>, macro-F1 {macro_f1:.3f}, NLL {nll:.3f}, ECE {ece:.3f}.</p>
<table><tr><th>class</th><th>precision</th><th>recall</th><th>F1</th><th>photos</th></tr>{rows}</table>
<h2>Confusion matrix</h2>
{matrix}
{mistakes}
</body></html>
"""
