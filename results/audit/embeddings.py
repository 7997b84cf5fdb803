"""Whether the bundled model's embeddings find twins that the perceptual hash does not, and those that it finds.

python results/audit/embeddings.py DATA

Each photo's 10 nearest by the cosine of embeddings are judged as the audit judges its own candidates.
"""

import sys

import numpy as np

from recyclenet import Predictor
from recyclenet.data.audit.alignment import align
from recyclenet.data.audit.descriptors import WINDOWS, describe, turn, turned_descriptors
from recyclenet.data.audit.duplicates import MIN_DETAIL, find_twins
from recyclenet.data.audit.embeddings import Embedder
from recyclenet.data.audit.job import examine_all
from recyclenet.data.folder import open_photo_folder

NEAREST = 10
BLOCK = 256


def judged(thumbs: np.ndarray, copies: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """(P,) correlation of details of pairs, each begun in the symmetry and window in which their hashes agree best."""
    found = []
    for start in range(0, len(copies), BLOCK):
        one, other = (thumbs[places[start : start + BLOCK]].astype(np.float32) for places in (copies, originals))
        forms = turned_descriptors(describe(one))  # (8, P, 35)
        windows = np.stack([describe(other, window) for window in WINDOWS])  # (20, P, 35)
        alike = np.einsum("spd,wpd->psw", forms, windows).reshape(len(one), -1).argmax(axis=1)
        symmetries, numbers = np.divmod(alike, len(WINDOWS))
        found.append(align(turn(one, symmetries), other, WINDOWS[numbers]).details)
    return np.concatenate(found)


def main() -> None:
    """Prints what was found."""
    folder = open_photo_folder(sys.argv[1])
    embedder = Embedder(Predictor())
    files = examine_all(folder, embedder, None)
    rows = embedder.finish()
    rows -= rows.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    alike = rows @ rows.T
    np.fill_diagonal(alike, -1)
    near = np.argsort(-alike, axis=1)[:, :NEAREST]
    pairs = {(int(copy), int(other)) for copy, others in enumerate(near) for other in others}
    known = {(twin.copy, twin.original) for twin in find_twins(files)}
    hits = sum((copy, other) in pairs or (other, copy) in pairs for copy, other in known)
    say = sys.stdout.write
    say(f"of {len(known)} pairs that the audit finds, {hits} are among the {NEAREST} nearest by embeddings\n")
    new = sorted(pair for pair in pairs if pair not in known and pair[::-1] not in known)
    copies, originals = np.array(new).T
    details = judged(np.stack([file.thumb for file in files]), copies, originals)
    good = {frozenset(new[place]) for place in np.flatnonzero(details >= MIN_DETAIL)}
    say(f"{len({frozenset(pair) for pair in new})} other pairs were judged: {len(good)} are twins\n")
    for pair in good:
        say(" and ".join(folder.records[place].path for place in sorted(pair)) + "\n")


if __name__ == "__main__":
    main()
