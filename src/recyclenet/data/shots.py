"""Fewer photos to train on: so many of each class, to see how many are needed."""

import zlib
from dataclasses import replace

import numpy as np

from recyclenet.data.folder import PhotoFolder


def take_shots(folder: PhotoFolder, shots: int, seed: int) -> PhotoFolder:
    """The folder with at most `shots` train photos of each class, drawn by the seed; other splits stay whole.

    More shots of the same seed are the same photos and others beside them. What is drawn of a class does not depend on
    the other classes.

    Args:
        folder: split.
        shots: photos a class; 0: all of them.
        seed: of the run.
    """
    if not shots:
        return folder
    taken: set[str] = set()
    for label in folder.classes:
        photos = [record for record in folder.records if record.split == "train" and record.label == label]
        own_seed = seed, zlib.crc32(label.encode("utf-8", "surrogateescape"))
        order = np.random.default_rng(own_seed).permutation(len(photos))
        taken.update(photos[place].path for place in order[:shots])
    kept = tuple(record for record in folder.records if record.split != "train" or record.path in taken)
    return replace(folder, records=kept)
