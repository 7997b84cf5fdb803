"""A perceptual hash as numbers: the lowest frequencies of a photo, of its mirrored and turned forms, of its crops.

A photo is described by the 35 lowest coefficients (6×6 without the mean) of the discrete cosine transform of its
grey picture, scaled to length one: resizing, compression and exposure hardly move them. Mirroring a picture only
changes signs, transposing it swaps rows and columns, so all eight symmetries of a square cost nothing. To find a
cropped copy, the copy's whole picture is compared with windows of the other photo.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SYMMETRIES = (
    "as it is",
    "mirrored",
    "mirrored top to bottom",
    "turned by 180°",
    "transposed",
    "turned by 90°",
    "turned by 270°",
    "transposed and turned by 180°",
)
"""By number: 4 transposes, then 2 swaps top and bottom, then 1 swaps left and right."""

_FREQUENCIES = 6
_SAMPLES = 32
_FLAT = 0.005 * _SAMPLES**2


def _windows() -> Floats:
    """(W, 4): left, top, width, height as shares of the sides; crops down to 80 %, of both sides or of one."""
    starts = {1.0: (0.0,), 0.9: (0.0, 0.1), 0.8: (0.0, 0.1, 0.2)}
    sizes = [(1.0, 1.0), (0.9, 0.9), (0.8, 0.8), (0.8, 1.0), (1.0, 0.8)]
    return np.array([(x, y, w, h) for w, h in sizes for x in starts[w] for y in starts[h]], np.float32)


WINDOWS = _windows()
"""(20, 4) float32, the whole picture first; how close they must lie was measured, not derived."""


def describe(pictures: Floats, window: Floats = WINDOWS[0]) -> Floats:
    """(N, side, side) grey pictures → (N, 35) descriptors of one window of each, of length one (0 for flat ones)."""
    side = pictures.shape[1]
    left, top, width, height = (float(value) for value in window)
    rows = _cosines() @ _interpolation(side, top, height)
    columns = _cosines() @ _interpolation(side, left, width)
    flat = (rows @ pictures @ columns.T).reshape(len(pictures), -1)[:, 1:]
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    # Waves of a hundredth of a grey level: below this there is nothing but rounding.
    return np.where(lengths > _FLAT, flat / np.maximum(lengths, _FLAT), 0).astype(np.float32)


def turned_descriptors(descriptors: Floats) -> Floats:
    """(N, 35) → (8, N, 35): what `describe` would give for the pictures in each of SYMMETRIES."""
    padded = np.pad(descriptors, ((0, 0), (1, 0))).reshape(-1, _FREQUENCIES, _FREQUENCIES)
    signs = (-1.0) ** np.arange(_FREQUENCIES)
    forms = []
    for number in range(8):
        form = padded.transpose(0, 2, 1) if number & 4 else padded
        form = form * signs[:, None] if number & 2 else form
        form = form * signs if number & 1 else form
        forms.append(form.reshape(len(descriptors), -1)[:, 1:])
    return np.stack(forms).astype(np.float32)


def turn(pictures: Floats, symmetries: NDArray[np.integer]) -> Floats:
    """(N, side, side) pictures, each in the symmetry of its number (N,)."""
    turned = pictures.copy()
    transposed, swapped, mirrored = (symmetries & bit > 0 for bit in (4, 2, 1))
    turned[transposed] = turned[transposed].transpose(0, 2, 1)
    turned[swapped] = turned[swapped][:, ::-1]
    turned[mirrored] = turned[mirrored][:, :, ::-1]
    return turned


def _cosines() -> Floats:
    places = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    return np.cos(np.pi * np.outer(np.arange(_FREQUENCIES), places)).astype(np.float32)


def _interpolation(side: int, start: float, length: float) -> Floats:
    """(_SAMPLES, side): linear interpolation at the middles of equal parts of a window."""
    places = (start + length * (np.arange(_SAMPLES) + 0.5) / _SAMPLES) * side - 0.5
    places = np.clip(places, 0, side - 1)
    lower = np.minimum(places.astype(int), side - 2)
    weights = np.zeros((_SAMPLES, side), np.float32)
    weights[np.arange(_SAMPLES), lower] = 1 - (places - lower)
    weights[np.arange(_SAMPLES), lower + 1] = places - lower
    return weights
