"""Pillow and torchvision are what it is measured by."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from recyclenet.data.draws import BRIGHTNESS, CONTRAST, HUE, SATURATION, UNCHANGED
from recyclenet.data.held.colour import adjust_colours

_ADJUSTMENTS = {
    BRIGHTNESS: functional.adjust_brightness,
    CONTRAST: functional.adjust_contrast,
    SATURATION: functional.adjust_saturation,
    HUE: functional.adjust_hue,
}


@pytest.fixture
def pixels(rng):
    """Every kind of colour: noise, greys, and pure ones."""
    noise = rng.integers(0, 256, (32, 32, 3))
    noise[:4] = noise[:4, :, :1]
    noise[4:8] = rng.choice([0, 255], (4, 32, 3))
    return noise.astype(np.uint8)


def adjusted(pixels, order, factors):
    views = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    return adjust_colours(views, torch.tensor([order]), torch.tensor([factors]))[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("which", _ADJUSTMENTS)
@pytest.mark.parametrize("amount", [-0.25, -0.1, 0.02, 0.25])
def test_each_alone(pixels, which, amount):
    factors = list(UNCHANGED)
    factors[which] += amount
    wanted = np.asarray(_ADJUSTMENTS[which](Image.fromarray(pixels), factors[which]))
    found = adjusted(pixels, (0, 1, 2, 3), factors)
    # Pillow rounds hue and saturation to 8 bits each: a 255th of a turn is six levels of a pure colour.
    assert np.abs(found - wanted).max() <= (12 if which == HUE else 0)
    assert np.abs(found - wanted).mean() < 0.8


def test_every_view_in_its_own_order(pixels):
    orders = torch.tensor([(3, 1, 0, 2), (0, 1, 2, 3), (2, 0, 3, 1)])
    factors = torch.tensor([(0.8, 1.2, 1.1, 0.03), UNCHANGED, (1.2, 0.8, 0.9, 0.0)])
    views = torch.from_numpy(pixels).permute(2, 0, 1).float().repeat(3, 1, 1, 1)
    found = adjust_colours(views, orders, factors).permute(0, 2, 3, 1).numpy()
    for view, order, own in zip(found, orders.tolist(), factors.tolist(), strict=True):
        photo = Image.fromarray(pixels)
        for which in order:
            if own[which] != UNCHANGED[which]:
                photo = _ADJUSTMENTS[which](photo, own[which])
        assert np.abs(view - np.asarray(photo)).mean() < 0.8
    assert np.array_equal(found[1], pixels)
