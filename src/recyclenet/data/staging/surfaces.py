"""Made-up surfaces to lay items on: plain, shaded, grained, blotched, striped or tiled."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float32]


def plain(rng: np.random.Generator, height: int, width: int) -> Array:
    """One colour."""
    return np.broadcast_to(_colour(rng), (height, width, 3)).copy()


def shaded(rng: np.random.Generator, height: int, width: int) -> Array:
    """One colour running into another."""
    return _blend(rng, _stretch(_rotated(rng, height, width)[0]))


def grained(rng: np.random.Generator, height: int, width: int) -> Array:
    """One colour with a grain, as of stone, wood or cloth."""
    strength = np.float32(rng.uniform(0.03, 0.2) * rng.uniform(0.6, 1.4, 3))
    return _colour(rng) + _grain(rng, height, width, rng.uniform(0.6, 2))[..., None] * strength


def blotched(rng: np.random.Generator, height: int, width: int) -> Array:
    """Patches of a few colours."""
    grain = _grain(rng, height, width, rng.uniform(0.8, 2))
    count = int(rng.integers(2, 5))
    levels = np.digitize(grain, np.quantile(grain, np.arange(1, count) / count))
    return np.stack([_colour(rng) for _ in range(count)])[levels]


def tiled(rng: np.random.Generator, height: int, width: int) -> Array:
    """Stripes, planks or tiles, each of its own shade between two colours."""
    along, across = _rotated(rng, height, width)
    period = rng.uniform(8, 90) * height / 288
    number = np.floor(along / period)
    if rng.random() < 0.6:
        number = number + 61 * np.floor(across / (period * rng.uniform(1, 6)))
    shades = rng.random(4096, dtype=np.float32)
    return _blend(rng, shades[(number.astype(np.int64) * 7919) % len(shades)] * np.float32(rng.uniform(0.2, 1)))


KINDS = (plain, shaded, grained, blotched, tiled)


def any_surface(rng: np.random.Generator, height: int, width: int) -> Array:
    """One of them by lot, with a camera's noise: (height, width, 3) float32 in [0, 1]."""
    surface = KINDS[rng.integers(len(KINDS))](rng, height, width)
    noise = np.float32(rng.uniform(0, 0.04)) * rng.standard_normal((height, width, 1), dtype=np.float32)
    return np.clip(surface + noise, 0, 1)


def _colour(rng: np.random.Generator) -> Array:
    """Grey or dark as often as coloured: what bins, floors and conveyors look like."""
    kind = rng.integers(4)
    if kind < 2:
        return np.full(3, rng.uniform(0, 1 if kind == 0 else 0.25), dtype=np.float32)
    return rng.random(3, dtype=np.float32)


def _blend(rng: np.random.Generator, shares: Array) -> Array:
    one, other = _colour(rng), _colour(rng)
    return one + (other - one) * shares[..., None]


def _rotated(rng: np.random.Generator, height: int, width: int) -> tuple[Array, Array]:
    """Coordinates in pixels along a random direction and across it."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cosine + y * sine, y * cosine - x * sine


def _stretch(values: Array) -> Array:
    stretched: Array = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
    return stretched


def _grain(rng: np.random.Generator, height: int, width: int, smoothness: float) -> Array:
    """Random noise with more power in low frequencies, drawn out in one direction: mean 0, standard deviation 1."""
    # At half the size: no camera resolves more, and it costs a quarter.
    small = max(height // 2, 2), max(width // 2, 2)
    stretch = rng.uniform(0.3, 3)
    frequency = np.hypot(np.fft.fftfreq(small[0])[:, None] * stretch, np.fft.rfftfreq(small[1])[None] / stretch)
    frequency[0, 0] = 1
    real, imaginary = rng.standard_normal((2, *frequency.shape), dtype=np.float32)
    grain = np.fft.irfft2((real + 1j * imaginary) / frequency**smoothness, small)
    grain = (grain - grain.mean()) / max(float(grain.std()), 1e-9)
    picture = Image.fromarray(grain.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture)
