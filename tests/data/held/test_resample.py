"""Pillow is what it is measured by."""

import numpy as np
import pytest
import torch
from PIL import Image

from recyclenet.data.draws import NOTHING, Box, Draw
from recyclenet.data.held.resample import resample
from recyclenet.data.held.rows import from_rows, to_row

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@pytest.mark.parametrize("interpolation", _FILTERS)
def test_parts_of_many_photos_are_resized_as_pillow_does(rng, interpolation):
    photos = rng.integers(0, 256, (6, 60, 81, 3), dtype=np.uint8)  # noise: every weight counts
    parts = [(0, 0, 60, 81), (0, 0, 1, 1), (59, 80, 1, 1), (7, 30, 24, 24), (10, 3, 13, 70), (2, 66, 58, 9)]
    rows = from_rows(torch.stack([to_row(0, Draw(Box(*part), mirrored=False), NOTHING) for part in parts]))
    views = resample(torch.from_numpy(photos).permute(0, 3, 1, 2), rows, 24, interpolation)
    assert views.shape == (6, 3, 24, 24)
    for photo, (top, left, height, width), view in zip(photos, parts, views, strict=True):
        cut = Image.fromarray(photo).crop((left, top, left + width, top + height))
        wanted = np.asarray(cut.resize((24, 24), _FILTERS[interpolation])).transpose(2, 0, 1)
        difference = np.abs(view.numpy() - wanted)
        assert difference.max() <= {"bilinear": 1, "bicubic": 8}[interpolation]  # of which the first pass is cut off
        assert difference.mean() < 0.5
    assert torch.equal(views[3], torch.from_numpy(photos[3, 7:31, 30:54]).permute(2, 0, 1).float())
