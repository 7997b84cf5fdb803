import numpy as np
import pytest

from recyclenet.data.staging.surfaces import KINDS, any_surface, blotched, grained, plain, shaded, tiled

SIZES = [(1, 1), (1, 7), (5, 1), (2, 2), (3, 5), (37, 64), (96, 128)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_kind_at_every_size(kind, height, width):
    for seed in range(12):
        surface = kind(np.random.default_rng(seed), height, width)
        assert surface.shape == (height, width, 3)
        assert surface.dtype == np.float32
        assert np.isfinite(surface).all()
        assert surface.flags.writeable
        assert np.array_equal(surface, kind(np.random.default_rng(seed), height, width))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_surface_is_a_picture_and_repeats(height, width):
    surfaces = [any_surface(np.random.default_rng(seed), height, width) for seed in range(20)]
    for seed, surface in enumerate(surfaces):
        assert surface.shape == (height, width, 3)
        assert surface.dtype == np.float32
        assert surface.min() >= 0
        assert surface.max() <= 1
        assert np.array_equal(surface, any_surface(np.random.default_rng(seed), height, width))
    assert len({surface.tobytes() for surface in surfaces}) > 10


def test_all_kinds_are_drawn(monkeypatch):
    drawn = []
    spies = [lambda rng, h, w, kind=kind: (drawn.append(kind), kind(rng, h, w))[1] for kind in KINDS]
    monkeypatch.setattr("recyclenet.data.staging.surfaces.KINDS", spies)
    rng = np.random.default_rng(3)
    for _ in range(200):
        any_surface(rng, 6, 8)
    counts = [drawn.count(kind) for kind in KINDS]
    assert min(counts) > 20, counts
    assert sum(counts) == 200


def colours(surface):
    return len(np.unique(surface.reshape(-1, 3), axis=0))


def test_each_kind_looks_as_it_is_called():
    for seed in range(10):
        draw = lambda kind, seed=seed: kind(np.random.default_rng(seed), 48, 64)  # noqa: E731
        assert colours(draw(plain)) == 1
        assert 2 <= colours(draw(blotched)) <= 4
        assert colours(draw(grained)) > 500
        # Between two colours: all pixels lie on one line.
        for kind in (shaded, tiled):
            centred = draw(kind).reshape(-1, 3).astype(np.float64)
            centred -= centred.mean(axis=0)
            spread = np.linalg.svd(centred, compute_uv=False)
            assert spread[1] < 1e-5 * max(spread[0], 1), kind
    ramp = shaded(np.random.default_rng(1), 48, 64)
    assert max(abs(np.diff(ramp, axis=axis)).max() for axis in (0, 1)) < 0.05


def test_surfaces_are_dark_and_light_grey_and_coloured():
    """What bins, floors and conveyors look like; none of it is a white board every time."""
    means = np.stack([any_surface(np.random.default_rng(seed), 12, 16).mean(axis=(0, 1)) for seed in range(200)])
    brightness = means.mean(axis=1)
    grey = np.ptp(means, axis=1) < 0.03
    assert 0.2 < grey.mean() < 0.8
    assert (brightness < 0.25).mean() > 0.15
    assert (brightness > 0.6).mean() > 0.1
