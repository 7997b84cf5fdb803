"""The whole audit of a folder: every file once, then everything that can be said about them together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from recyclenet.data.audit.duplicates import Twin, find_twins
from recyclenet.data.audit.embeddings import Embedder
from recyclenet.data.audit.files import PhotoFile, examine
from recyclenet.data.audit.findings import KINDS, Finding
from recyclenet.data.audit.label_check import LabelCheck, check_labels
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.groups import connect
from recyclenet.predictor import Predictor

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how many of it are done, and how many there are."""

_HELD_TWICE = 0.9  # the share of photos with a twin from which the folder as a whole is a copy held twice
_IMBALANCE = 3  # the largest class to the smallest


@dataclass(frozen=True)
class Audit:
    """What was found in a folder.

    Attributes:
        folder: what was looked at.
        findings: in the order of KINDS, the clearest first.
        groups: path → name of its group, for photos with a twin.
        readable: photos that could be decoded.
        labels: the check of labels, or None if it was left out.
        model: whose embeddings it used, or None.
    """

    folder: PhotoFolder
    findings: tuple[Finding, ...]
    groups: dict[str, str]
    readable: int
    labels: LabelCheck | None
    model: str | None

    def of_kind(self, kind: str) -> tuple[Finding, ...]:
        """The findings of one of KINDS."""
        return tuple(finding for finding in self.findings if finding.kind == kind)

    @property
    def is_serious(self) -> bool:
        """Whether `--strict` fails."""
        return any(finding.is_serious for finding in self.findings)


def audit(folder: PhotoFolder, predictor: Predictor | None, *, on_progress: OnProgress | None = None) -> Audit:
    """Looks at every photo of a folder.

    Args:
        folder: the photos; split or not.
        predictor: for the check of labels, which is left out without one.
        on_progress: told how far it is.
    """
    embedder = Embedder(predictor) if predictor is not None else None
    files = examine_all(folder, embedder, on_progress)
    twins = find_twins(files, _named(on_progress, "comparing"))
    groups = group_twins(folder, twins)
    readable = [record for record, file in zip(folder.records, files, strict=True) if file.error is None]
    labels = None
    if embedder is not None:
        labels = check_labels(readable, embedder.finish(), groups, folder.classes)
    findings = [
        *_of_twins(folder, twins),
        *_of_files(folder, files),
        *_of_the_whole(folder, groups),
        *_of_labels(folder, labels),
    ]
    order = list(KINDS)
    findings.sort(key=lambda finding: order.index(finding.kind))
    model = predictor.name if predictor is not None else None
    return Audit(folder, tuple(findings), groups, len(readable), labels, model)


def duplicate_groups(folder: PhotoFolder, *, on_progress: OnProgress | None = None) -> dict[str, str]:
    """Only what a grouped split needs: path → name of its group, for photos with a twin; no model is run."""
    files = examine_all(folder, None, on_progress)
    return group_twins(folder, find_twins(files, _named(on_progress, "comparing")))


def examine_all(folder: PhotoFolder, embedder: Embedder | None, on_progress: OnProgress | None) -> list[PhotoFile]:
    """Every file, in the order of the records; photos that can be decoded also go to the embedder."""
    files = []
    for done, record in enumerate(folder.records, start=1):
        file, photo = examine(folder.root, record.path)
        files.append(file)
        if photo is not None and embedder is not None:
            embedder.add(photo)
        if on_progress is not None:
            on_progress("looking at photos", done, len(folder.records))
    return files


def group_twins(folder: PhotoFolder, twins: Sequence[Twin]) -> dict[str, str]:
    """Path → the first path of its group, for photos that have a twin."""
    firsts = connect(len(folder.records), ((twin.copy, twin.original) for twin in twins))
    paired = {place for twin in twins for place in (twin.copy, twin.original)}
    return {folder.records[place].path: folder.records[firsts[place]].path for place in sorted(paired)}


def _of_twins(folder: PhotoFolder, twins: Sequence[Twin]) -> Iterator[Finding]:
    for twin in twins:
        photo, other = folder.records[twin.copy], folder.records[twin.original]
        split, other_split = (record.split if folder.is_split else "" for record in (photo, other))
        kind = "duplicate" if split == other_split else "leak"
        reason = twin.how
        if photo.label != other.label:
            kind = "conflict"
            reason += f", but labelled {photo.label} and {other.label}"
        if split != other_split:
            reason += f", in {split} and in {other_split}"
        yield Finding(
            kind, reason, photo.path, other.path, photo.label, other.label, split, other_split, score=twin.score
        )


def _of_files(folder: PhotoFolder, files: Sequence[PhotoFile]) -> Iterator[Finding]:
    for record, file in zip(folder.records, files, strict=True):
        split = record.split if folder.is_split else ""
        if file.error is not None:
            yield Finding("unreadable", file.error, record.path, label=record.label, split=split)
        for oddity in file.oddities:
            yield Finding("odd", oddity, record.path, label=record.label, split=split)


def _of_the_whole(folder: PhotoFolder, groups: dict[str, str]) -> Iterator[Finding]:
    total = len(folder.records)
    if len(groups) >= _HELD_TWICE * total:
        yield Finding(
            "held-twice",
            f"{len(groups)} of {total} photos have a twin: this copy holds its photos twice, and figures of a random "
            "split of it mean nothing. Remove the copies, or use 'recyclenet data split --group-duplicates'",
        )
    for split, counts in folder.counts().items():
        where = f" in {split}" if folder.is_split else ""
        large, small = (choose(counts, key=lambda label: counts[label]) for choose in (max, min))
        if counts[small] == 0:
            yield Finding("imbalance", f"no photo of {small}{where}", label=small, split=split if where else "")
        elif counts[large] >= _IMBALANCE * counts[small]:
            ratio = counts[large] / counts[small]
            yield Finding(
                "imbalance",
                f"{counts[large]} photos of {large}, {counts[small]} of {small}{where}: {ratio:.1f} to 1",
                label=small,
                other_label=large,
                split=split if where else "",
            )


def _of_labels(folder: PhotoFolder, check: LabelCheck | None) -> Iterator[Finding]:
    for suspect in check.suspects if check is not None else ():
        record = suspect.record
        yield Finding(
            "label",
            f"looks like {suspect.answer} ({100 * suspect.prob:.0f} %), not like {record.label}",
            record.path,
            label=record.label,
            other_label=suspect.answer,
            split=record.split if folder.is_split else "",
            score=suspect.label_prob,
        )


def _named(on_progress: OnProgress | None, what: str) -> Callable[[int, int], None] | None:
    if on_progress is None:
        return None
    return lambda done, total: on_progress(what, done, total)
