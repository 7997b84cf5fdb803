"""An audit written down: CSV and JSON for programs, Markdown for repositories, a page with thumbnails for people."""

import html
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import recyclenet
from recyclenet.atomic import make_folder, write_text
from recyclenet.data.audit.duplicates import MIN_DETAIL
from recyclenet.data.audit.findings import COLUMNS, KINDS, SERIOUS, Finding, to_csv
from recyclenet.data.audit.job import Audit
from recyclenet.report import markdown_cell, thumbnail_uri

_SHOWN = 60
"""Findings of one kind with thumbnails on the page; the table has all."""

_EMBEDDING_NOTE = (
    "What was doubted rests on the embeddings of {model}. For photos that this model was itself trained on they are "
    "not innocent: it has learnt their labels, the wrong ones too, so fewer mistakes are found among them. The "
    "bundled model was trained on the train split of TrashNet."
)


def write_audit(audit: Audit, out: str | Path) -> list[Path]:
    """Writes findings.csv, audit.json, audit.md and audit.html into a folder, made if needed.

    Returns:
        The files written.
    """
    folder = make_folder(out)
    files = {
        "findings.csv": to_csv(audit.findings),
        "audit.json": json.dumps(to_table(audit), indent=2) + "\n",
        "audit.md": to_markdown(audit),
        "audit.html": to_html(audit),
    }
    for name, text in files.items():
        write_text(folder / name, text)
    return [folder / name for name in files]


def to_table(audit: Audit) -> dict[str, Any]:
    """Everything, as plain values."""
    labels = audit.labels
    return {
        "data": _name(audit),
        "photos": len(audit.folder.records),
        "readable": audit.readable,
        "is_split": audit.folder.is_split,
        "counts": audit.folder.counts(),
        "found": {kind: len(audit.of_kind(kind)) for kind in KINDS},
        "across_splits": len(across_splits(audit)),
        "is_serious": audit.is_serious,
        "photos_with_a_twin": len(audit.groups),
        "groups": len(set(audit.groups.values())),
        "labels_agreeing": None if labels is None else labels.agreeing,
        "labels_checked": None if labels is None else labels.total,
        "model": audit.model,
        "min_detail": MIN_DETAIL,
        "recyclenet": recyclenet.__version__,
        "findings": [asdict(finding) for finding in audit.findings],
    }


def across_splits(audit: Audit) -> list[Finding]:
    """All pairs of one picture in two splits, those with two labels included."""
    return [finding for finding in audit.findings if finding.crosses_splits]


def summary_lines(audit: Audit) -> list[str]:
    """What the audit amounts to, in a few sentences without tables."""
    total = len(audit.folder.records)
    lines = [
        f"{total} photos, {audit.readable} of them readable; {len(audit.groups)} have a twin, in "
        f"{len(set(audit.groups.values()))} groups."
    ]
    crossing = across_splits(audit)
    if audit.folder.is_split:
        tested = {path for item in crossing for path, split in _sides(item) if split == "test"}
        lines.append(f"{len(crossing)} pairs cross splits; {len(tested)} photos of test have a twin outside it.")
    if audit.labels is not None:
        lines.append(
            f"Out of fold, a linear classifier on embeddings agrees with {audit.labels.agreeing} of "
            f"{audit.labels.total} labels."
        )
    return lines


def to_markdown(audit: Audit) -> str:
    """What was found, counted; every pair with two labels or across splits; everything else that is not a duplicate."""
    lines = [f"# Audit of {_name(audit)}", "", *summary_lines(audit), ""]
    lines += ["| kind | what | found | fails `--strict` |", "|---|---|---|---|"]
    lines += [
        f"| {kind} | {words} | {len(audit.of_kind(kind))} | {'yes' if kind in SERIOUS else 'no'} |"
        for kind, words in KINDS.items()
    ]
    for kind, words in KINDS.items():
        found = audit.of_kind(kind)
        if found:
            lines += ["", f"## {words.capitalize()}: {len(found)}", ""]
            lines += _markdown_table(found)
        if kind == "label" and audit.model is not None:
            lines += ["", _EMBEDDING_NOTE.format(model=markdown_cell(audit.model))]
    return "\n".join([*lines, ""])


def _markdown_table(findings: Sequence[Finding]) -> list[str]:
    columns = [name for name in COLUMNS if name != "kind" and any(getattr(item, name) for item in findings)]
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(markdown_cell(_text(item, name)) for name in columns) + " |" for item in findings]
    return lines


def to_html(audit: Audit) -> str:
    """One self-contained page: counts, then for each kind its findings with thumbnails, the clearest first."""
    rows = "".join(
        f"<tr><th>{html.escape(words)}</th><td>{len(audit.of_kind(kind))}</td>"
        f"<td>{'serious' if kind in SERIOUS and audit.of_kind(kind) else ''}</td></tr>"
        for kind, words in KINDS.items()
    )
    note = ""
    if audit.model is not None:
        note = f"<p>{html.escape(_EMBEDDING_NOTE.format(model=audit.model))}</p>"
    return _PAGE.format(
        title=html.escape(f"Audit of {_name(audit)}"),
        summary="".join(f"<p>{html.escape(line)}</p>" for line in summary_lines(audit)),
        rows=rows,
        sections="".join(_section(audit, kind) for kind in KINDS if audit.of_kind(kind)),
        note=note,
    )


def _section(audit: Audit, kind: str) -> str:
    found = audit.of_kind(kind)
    more = f"<p>The first {_SHOWN}; findings.csv has all.</p>" if len(found) > _SHOWN else ""
    figures = "".join(_figure(item, audit.folder.root) for item in found[:_SHOWN])
    return f"<h2>{html.escape(KINDS[kind].capitalize())}: {len(found)}</h2>{more}{figures}"


def _figure(finding: Finding, root: Path) -> str:
    score = "" if finding.score is None else f" ({finding.score:.3f})"
    if not finding.photo:
        return f"<p>{html.escape(finding.reason)}</p>"
    pictures = names = ""
    for path, split in _sides(finding):
        source = thumbnail_uri(root / path) if finding.kind != "unreadable" else ""
        pictures += f'<img alt="" src="{source}">' if source else ""
        names += f"{html.escape(path)}{f' ({split})' if split else ''}<br>"
    return f"<figure>{pictures}<figcaption>{names}{html.escape(finding.reason + score)}</figcaption></figure>"


def _sides(finding: Finding) -> list[tuple[str, str]]:
    """(path, split) of the finding's photo, or of both."""
    sides = [(finding.photo, finding.split), (finding.other, finding.other_split)]
    return [side for side in sides if side[0]]


def _text(finding: Finding, column: str) -> str:
    value = getattr(finding, column)
    if column == "score":
        return "" if value is None else f"{value:.3f}"
    return str(value)


def _name(audit: Audit) -> str:
    return audit.folder.root.resolve().name


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }} th, td {{ padding: .2rem .8rem; text-align: right; }}
th:first-child {{ text-align: left; }}
tr + tr {{ border-top: 1px solid #8884; }} img {{ width: 48%; margin-right: 1%; background: white; }}
figure {{ display: inline-block; width: 21rem; margin: .5rem; vertical-align: top; font-size: .85rem; }}
figcaption {{ overflow-wrap: anywhere; }}
</style></head><body>
<h1>{title}</h1>
{summary}
<table><tr><th>what</th><th>found</th><th></th></tr>{rows}</table>
{sections}
{note}
</body></html>
"""
