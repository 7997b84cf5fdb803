"""The same seed gives the same view, whether one photo is looked at or many are."""

import numpy as np
import pytest
import torch
from PIL import Image

from recyclenet.data.draws import NOTHING, Box, Draw, draw_hidden, draw_view
from recyclenet.data.held.photos import HeldPhotos
from recyclenet.data.held.rows import from_rows, to_row
from recyclenet.data.held.views import BatchViews
from recyclenet.data.transforms import create_transform
from recyclenet.preprocess import PreprocessSpec

CPU = torch.device("cpu")
SIZES = [(40, 60), (60, 40), (40, 60), (33, 90), (40, 60)]


def smooth(rng, size):
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return small.resize(size[::-1], Image.Resampling.BICUBIC)


def tensor_of(photo):
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1)


def test_photos_of_one_size_come_together():
    photos = [torch.full((3, *size), number, dtype=torch.uint8) for number, size in enumerate(SIZES)]
    held = HeldPhotos(iter(photos), CPU)
    assert (len(held), held.sizes) == (5, tuple(SIZES))
    wanted = torch.tensor([4, 1, 0, 4, 3])
    found = {}
    for places, taken in held.take(wanted, wanted):
        assert len({photo.shape for photo in taken}) == 1
        found |= dict(zip(places.tolist(), taken, strict=True))
    assert [int(found[place][0, 0, 0]) for place in range(5)] == wanted.tolist()
    assert len(list(held.take(wanted, wanted))) == 3
    photos[0].fill_(9)
    ((places, taken),) = held.take(torch.tensor([0, 2, 0]), torch.tensor([0, 2, 0]))
    assert places is None
    assert taken[:, 0, 0, 0].tolist() == [0, 2, 0], "it holds the reader's memory, or another photo"


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("augment", ["paper", "strong", "upright"])
def test_a_batch_of_views_is_what_they_are_one_by_one(rng, augment, interpolation):
    spec = PreprocessSpec(32, 36, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), interpolation)
    photos = [smooth(rng, size) for size in SIZES]
    held = HeldPhotos(map(tensor_of, photos), CPU)
    order = [(number, seed) for seed in range(12) for number in (3, 0, 4, 1, 2)]
    rows, wanted = [], []
    for number, seed in order:
        torch.manual_seed(seed)
        wanted.append(create_transform(augment, spec)(photos[number]))
        after = torch.rand(())
        torch.manual_seed(seed)
        draw, hidden = draw_view(augment, *SIZES[number]), draw_hidden(augment, 32)
        assert torch.equal(torch.rand(()), after), "other random numbers were drawn"
        rows.append(to_row(number, draw, hidden))
    views = BatchViews(held, spec)(torch.stack(rows))
    levels = torch.tensor(spec.std)[:, None, None] * 255
    differences = [float(((one - other) * levels).abs().mean()) for one, other in zip(views, wanted, strict=True)]
    assert max(differences) < 1, "a view that lies, looks or is hidden otherwise differs by far more"
    # By chance more of the upright ones are in other colours, which is where pixels differ.
    assert np.median(differences) < (0.4 if augment == "upright" else 0.25)
    assert ((views == 0).sum(dim=(1, 2, 3)) > 3 * 20).any() == (augment != "paper"), "hidden parts"


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize(("mirrored", "flipped"), [(False, False), (True, False), (False, True), (True, True)])
def test_each_of_the_eight_ways_to_lie(mirrored, flipped, turns):
    pixels = torch.arange(3 * 32 * 32, dtype=torch.float32).reshape(3, 32, 32) % 251
    row = to_row(0, Draw(Box(0, 0, 32, 32), mirrored, flipped, turns), NOTHING)
    spec = PreprocessSpec(32, 36, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    (view,) = BatchViews(HeldPhotos([pixels.byte()], CPU), spec)(row[None])
    wanted = pixels.flip(2) if mirrored else pixels
    wanted = (wanted.flip(1) if flipped else wanted).rot90(turns, (1, 2))
    assert torch.equal((255 * view).round(), wanted)


def test_rows_keep_every_number():
    torch.manual_seed(3)
    for number in range(50):
        draw, hidden = draw_view("strong", 333, 500), draw_hidden("strong", 224)
        found = from_rows(to_row(number, draw, hidden)[None])
        assert int(found.photos) == number
        assert tuple(found.parts[0].tolist()) == draw.part
        assert tuple(found.order[0].tolist()) == draw.order
        assert found.factors[0].tolist() == pytest.approx(draw.factors)
        assert tuple(found.hidden[0].tolist()) == hidden
