"""The groups against what the original's are: shares, ranges and sizes, by inspection, by count and by formula."""

import math

import cv2
import numpy as np
import pytest
from PIL import Image

from recyclenet.augment import groups
from recyclenet.augment.groups import GROUPS, PROBABILITIES, group_steps, pipeline
from recyclenet.augment.library import apply
from recyclenet.errors import RecycleNetError

# Number of transforms in each step.
SHAPES = {"basic": [3, 1, 1], "affine": [1, 3, 3], "distort": [4, 8, 1, 1]}


def photo_of(pixels):
    return Image.fromarray(np.asarray(pixels, dtype=np.uint8))


def step(group, name, side=384):
    return next(found[name] for found in group_steps(group, side) if name in found)


def results(transform, photo, number=200):
    return [np.asarray(apply(transform, photo, seed)).astype(float) for seed in range(number)]


def leaves(transform):
    inner = getattr(transform, "transforms", None)
    return [transform] if inner is None else [leaf for child in inner for leaf in leaves(child)]


@pytest.fixture
def grey():
    return photo_of(np.full((224, 224, 3), 128))


def test_probabilities():
    assert PROBABILITIES == {"low": 0.1, "mid": 0.3, "high": 0.5}
    assert GROUPS == ("basic", "affine", "distort")


@pytest.mark.parametrize("probability", PROBABILITIES)
@pytest.mark.parametrize("group", GROUPS)
def test_pipelines_have_the_originals_probabilities(group, probability):
    built = pipeline(group, probability, 384)
    assert built.p == 1
    assert [len(one_of.transforms) for one_of in built.transforms] == SHAPES[group]
    for one_of in built.transforms:
        alone = len(one_of.transforms) == 1
        assert one_of.p == (PROBABILITIES[probability] if alone else 1)
        assert one_of.transforms_ps == pytest.approx([1 / len(one_of.transforms)] * len(one_of.transforms))


@pytest.mark.parametrize(("group", "probability"), [("basic", "high"), ("affine", "low"), ("distort", "mid")])
def test_transforms_are_applied_as_often(group, probability):
    number, side = 1200, 224 if group == "basic" else 24
    built = pipeline(group, probability, side)
    counts = {}

    def watch(leaf, place):
        draw = leaf.get_params_dependent_on_data

        def counted(params, data):
            counts[place] = counts.get(place, 0) + 1
            return draw(params=params, data=data)

        leaf.get_params_dependent_on_data = counted

    places = [(i, j) for i, one_of in enumerate(built.transforms) for j in range(len(one_of.transforms))]
    for i, j in places:
        # Both flips at once count as one.
        watch(leaves(built.transforms[i].transforms[j])[0], (i, j))
    photo = photo_of(np.arange(side * side * 3).reshape(side, side, 3) % 256)
    for seed in range(number):
        apply(built, photo, seed)
    groups._pipeline.cache_clear()  # not to leave the watched one behind
    for i, j in places:
        size = SHAPES[group][i]
        p = PROBABILITIES[probability] if size == 1 else 1 / size
        if (group, i, j) == ("affine", 2, 2):
            p *= 1 / 3  # of either flip, the first of three ways is watched
        assert counts[i, j] == pytest.approx(number * p, abs=4.5 * math.sqrt(number * p * (1 - p))), (i, j)


def test_unknown_probability_is_named():
    with pytest.raises(RecycleNetError, match=r"one of low \(0.1\), mid \(0.3\), high \(0.5\), not 'max'"):
        pipeline("basic", "max", 384)


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 64), (64, 1), (3, 190), (100, 223), (223, 224), (224, 224), (300, 240), (512, 384), (384, 512)]
)
def test_every_size_of_photo_works(size, rng):
    photo = photo_of(rng.integers(0, 256, (size[1], size[0], 3)))
    for group in GROUPS:
        for transforms in group_steps(group, min(size)):
            for name, transform in transforms.items():
                made = apply(transform, photo, 3)
                assert made.mode == "RGB"
                if "crop" in name:
                    assert made.size == (224, 224)
                else:
                    assert made.size in (size, size[::-1])
        made = apply(pipeline(group, "high", min(size)), photo, 4)
        assert made.size in {"basic": [(224, 224)], "affine": [size, size[::-1]], "distort": [size]}[group]


def test_crops_are_pieces_of_the_photo_at_its_scale():
    """A photo whose pixels say where they are: (x / 2, y / 2) in red and green."""
    y, x = np.mgrid[0:384, 0:508]
    photo = photo_of(np.stack([x // 2, y // 2, 0 * x], axis=-1))
    whole = np.asarray(photo)
    assert np.array_equal(apply(step("basic", "centre crop"), photo, 0), whole[80:304, 142:366])
    places = set()
    for seed in range(20):
        crop = np.asarray(apply(step("basic", "random crop"), photo, seed))
        left, top = (2 * int(value) for value in crop[0, 0, :2])
        assert any(
            np.array_equal(crop, whole[t : t + 224, left_ : left_ + 224])
            for t in (top, top + 1)
            for left_ in (left, left + 1)
        )
        places.add((left, top))
    assert len(places) > 15
    for seed in range(20):
        crop = np.asarray(apply(step("basic", "random sized crop"), photo, seed)).astype(float)
        wide, high = (2 * (crop[..., i].max() - crop[..., i].min()) for i in (0, 1))
        assert wide == pytest.approx(high, abs=8)
        assert 250 <= wide <= 386


@pytest.mark.parametrize(
    ("side", "heights"), [(600, (256, 384)), (384, (256, 384)), (300, (256, 300)), (90, (224, 224))]
)
def test_sized_crop_never_asks_for_more_than_the_photo_has(side, heights):
    crop = leaves(step("basic", "random sized crop", side))[-1]
    assert crop.min_max_height == heights


def test_brightness_and_contrast_by_a_fifth(grey):
    levels = photo_of(np.stack([np.full((8, 8), level) for level in (60, 100, 120)], axis=-1))
    shifts = [made - np.asarray(levels) for made in results(step("basic", "brightness"), levels)]
    assert all(np.ptp(shift) <= 1 for shift in shifts)  # the same for all levels
    amounts = [shift.mean() for shift in shifts]
    assert -51.5 <= min(amounts) < -40
    assert 40 < max(amounts) <= 51.5
    factors = [made / np.asarray(levels) for made in results(step("basic", "contrast"), levels)]
    assert all(np.ptp(factor) < 0.02 for factor in factors)
    assert 0.79 < min(factor.mean() for factor in factors) < 0.85
    assert 1.15 < max(factor.mean() for factor in factors) < 1.21


def test_turned_photos_have_no_black_corners():
    white = photo_of(np.full((60, 80, 3), 255))
    transforms = [transform for found in group_steps("affine", 60) for transform in found.values()]
    transforms += [step("distort", name) for name in ("optical distortion", "elastic")]
    for transform in transforms:
        assert all(made.min() == 255 for made in results(transform, white, 20))


def test_shift_scale_rotate_keeps_to_its_limits():
    transform = step("affine", "shift, scale, rotate")
    for seed in range(300):
        transform.set_random_seed(seed)
        drawn = transform.get_params_dependent_on_data({"shape": (400, 400, 3)}, {})
        assert 0.9 <= drawn["scale"]["x"] == drawn["scale"]["y"] <= 1.1
        assert -45 <= drawn["rotate"] <= 45
        centre = np.array([199.5, 199.5, 1])
        assert np.abs((drawn["matrix"] @ centre - centre)[:2]).max() <= 0.0625 * 400


def test_flips():
    photo = photo_of(np.arange(27).reshape(3, 3, 3))
    across, down = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), photo.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    assert apply(step("affine", "horizontal flip"), photo, 0) == across
    assert apply(step("affine", "vertical flip"), photo, 0) == down
    seen = [apply(step("affine", "either flip"), photo, seed).tobytes() for seed in range(90)]
    ways = {picture.tobytes() for picture in (across, down, photo.transpose(Image.Transpose.ROTATE_180))}
    assert set(seen) == ways
    assert all(seen.count(way) > 15 for way in ways)


def test_blurs_have_a_kernel_of_three(rng):
    pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    expected = {
        "blur": cv2.blur(pixels, (3, 3)),
        "median blur": cv2.medianBlur(pixels, 3),
        "Gaussian blur": cv2.GaussianBlur(pixels, (3, 3), 0),
    }
    for name, wanted in expected.items():
        made = np.asarray(apply(step("distort", name), photo_of(pixels), 0)).astype(int)
        assert np.abs(made - wanted)[2:-2, 2:-2].max() <= 1, name
    point = np.zeros((9, 9, 3))
    point[4, 4] = 255
    for made in results(step("distort", "motion blur"), photo_of(point), 30):
        assert made[3:6, 3:6].sum() == made.sum() > 0


def test_noise_has_the_originals_variance(grey):
    transform = step("distort", "Gaussian noise")
    drawn = []
    for seed in range(60):
        transform.set_random_seed(seed)
        noise = transform.get_params_dependent_on_data({}, {"image": np.asarray(grey)})["noise_map"]
        drawn.append(noise.std())
        # The library cuts fractions off when it adds noise to whole numbers.
        assert np.array_equal(np.asarray(apply(transform, grey, seed)).astype(int) - 128, np.trunc(noise))
    assert math.sqrt(10) * 0.98 < min(drawn) < 4
    assert 6.2 < max(drawn) < math.sqrt(50) * 1.02


def test_elastic_can_be_seen_and_keeps_the_picture():
    y, x = np.mgrid[0:200, 0:200]
    ramp = photo_of(np.stack([x, y, 0 * x], axis=-1))
    moved = [
        np.abs(made - np.asarray(ramp))[20:-20, 20:-20, :2].mean()
        for made in results(step("distort", "elastic"), ramp, 10)
    ]
    assert all(1 < distance < 20 for distance in moved)


def test_invert_and_shuffle(rng):
    pixels = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    assert np.array_equal(apply(step("distort", "invert"), photo_of(pixels), 0), 255 - pixels)
    channels = {
        made.tobytes()
        for made in map(np.ascontiguousarray, results(step("distort", "channel shuffle"), photo_of(pixels), 60))
    }
    assert len(channels) >= 5
