"""Photos that are there more than once: the same bytes, or the same picture resized, turned, cropped, shot again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recyclenet.data.audit.alignment import align
from recyclenet.data.audit.candidates import find_candidates
from recyclenet.data.audit.descriptors import SYMMETRIES, WINDOWS, turn
from recyclenet.data.audit.files import PhotoFile

MIN_DETAIL = 0.90
"""Correlation of details from which two photos count as one picture. On TrashNet all 24 pairs above it that are not
the same bytes are true by eye, and the first false one has 0.89: see docs/trashnet-audit.md.
"""

_BLOCK = 256


@dataclass(frozen=True)
class Twin:
    """Two photos, by their positions, that show one picture.

    Attributes:
        copy: the one that is turned or cropped, if they differ in that.
        original: the other.
        score: correlation of details in [-1, 1]; 1 for the same bytes.
        how: in words.
        is_identical: whether they are the same bytes.
    """

    copy: int
    original: int
    score: float
    how: str
    is_identical: bool


def find_twins(files: Sequence[PhotoFile], on_progress: Callable[[int, int], None] | None = None) -> tuple[Twin, ...]:
    """All pairs: of the same bytes each with the first of them, of the same picture one for each content.

    Args:
        files: as `examine` gives them; those that could not be decoded only take part by their bytes.
        on_progress: told (steps done, steps in all).
    """
    first: dict[str, int] = {}
    twins = []
    for place, file in enumerate(files):
        if file.sha256:
            original = first.setdefault(file.sha256, place)
            if original != place:
                twins.append(Twin(place, original, 1.0, "the same bytes", is_identical=True))
    places = np.array([place for place in first.values() if files[place].thumb is not None], np.int64)
    if len(places) > 1:
        thumbs = np.stack([thumb for place in places if (thumb := files[place].thumb) is not None])
        twins += [
            Twin(int(places[twin.copy]), int(places[twin.original]), twin.score, twin.how, is_identical=False)
            for twin in _same_picture(thumbs, on_progress)
        ]
    return tuple(sorted(twins, key=lambda twin: (not twin.is_identical, -twin.score, twin.copy, twin.original)))


def _same_picture(thumbs: NDArray[np.uint8], on_progress: Callable[[int, int], None] | None) -> list[Twin]:
    candidates = find_candidates(thumbs, on_progress)
    twins: dict[frozenset[int], Twin] = {}
    for start in range(0, len(candidates.copies), _BLOCK):
        block = candidates.take(slice(start, start + _BLOCK))
        copies = turn(thumbs[block.copies].astype(np.float32), block.symmetries)
        windows, details = align(copies, thumbs[block.originals].astype(np.float32), WINDOWS[block.windows])
        for i in np.flatnonzero(details >= MIN_DETAIL):
            how = _in_words(int(block.symmetries[i]), windows[i])
            twin = Twin(int(block.copies[i]), int(block.originals[i]), float(details[i]), how, is_identical=False)
            pair = frozenset((twin.copy, twin.original))
            if pair not in twins or twins[pair].score < twin.score:
                twins[pair] = twin
    return list(twins.values())


def _in_words(symmetry: int, window: NDArray[np.float32]) -> str:
    width, height = (round(100 * float(share)) for share in window[2:])
    parts = [SYMMETRIES[symmetry]] if symmetry else []
    if min(width, height) < 97:
        parts.append(f"cut to {width} % of the width and {height} % of the height")
    return ", ".join(["the same picture", *parts])
