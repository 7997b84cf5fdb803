"""Made-up photos: unknowns that are none of the materials, and known things seen otherwise than on a white board."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

SIDE = 256
Random = np.random.Generator


def fit(photo: Image.Image) -> Image.Image:
    """The photo's centre as a square."""
    return ImageOps.fit(photo, (SIDE, SIDE))


def colour(rng: Random) -> tuple[int, ...]:
    """Any colour."""
    return tuple(int(value) for value in rng.integers(0, 256, 3))


def cloud(rng: Random) -> Image.Image:
    """Coloured noise with a spectrum of 1/f^beta, sometimes stretched into a grain."""
    down, across = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :]
    stretch = rng.uniform(2, 12) ** rng.choice([-1, 1]) if rng.random() < 0.4 else 1.0
    frequency = np.hypot(down * stretch, across)
    frequency[0, 0] = 1
    beta = rng.uniform(0.6, 2.2)
    picture = rng.integers(0, 256, 3).astype(float)[None, None]
    for strength in (45, 20):
        layer = np.fft.irfft2(frequency**-beta * np.exp(2j * np.pi * rng.random(frequency.shape)), s=(SIDE, SIDE))
        picture = picture + ((layer - layer.mean()) / layer.std())[..., None] * rng.normal(0, strength, 3)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def weave(rng: Random) -> Image.Image:
    """Stripes, a wave pattern or a check, with noise."""
    y, x = np.mgrid[:SIDE, :SIDE]
    angle = rng.uniform(0, np.pi)
    one = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / rng.uniform(4, 48))
    other = np.sin(2 * np.pi * (y * np.cos(angle) - x * np.sin(angle)) / rng.uniform(4, 48))
    wave = (one, one * other, np.sign(one) + np.sign(other))[rng.integers(3)][..., None]
    picture = rng.integers(0, 256, 3) + wave * rng.normal(0, 50, 3)
    picture = picture + rng.normal(0, rng.uniform(0, 15), (SIDE, SIDE, 1))
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def texture(rng: Random) -> Image.Image:
    """A cloud or a weave."""
    return cloud(rng) if rng.random() < 0.65 else weave(rng)


def board(photo: Image.Image, rng: Random) -> Image.Image:
    """A corner of the photo's background, enlarged."""
    width, height = photo.size
    side = int(min(width, height) * 0.22)
    left = 0 if rng.random() < 0.5 else width - side
    return photo.crop((left, 0, left + side, side)).resize((SIDE, SIDE))


def blob(back: Image.Image, rng: Random) -> Image.Image:
    """A textured object of a random smooth outline, shaded at its edge, on a background."""
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    radius = 1 + sum(rng.normal(0, 0.25 / k) * np.cos(k * turn + rng.uniform(0, 6.3)) for k in range(1, 6))
    radius = radius / np.abs(radius).max() * SIDE * rng.uniform(0.25, 0.48)
    x, y = radius * np.cos(turn), radius * np.sin(turn) * rng.uniform(0.5, 1)
    angle, shift = rng.uniform(0, 6.3), SIDE / 2 + rng.normal(0, 12, 2)
    outline = zip(
        shift[0] + x * np.cos(angle) - y * np.sin(angle), shift[1] + x * np.sin(angle) + y * np.cos(angle), strict=True
    )
    mask = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(mask).polygon(list(outline), fill=255)
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(18)), float) / 255
    light = (0.5 + 0.6 * soft) * np.clip(1 + 25 * np.gradient(soft)[0], 0.5, 1.4)
    shaded = np.clip(np.asarray(texture(rng), float) * light[..., None], 0, 255).astype(np.uint8)
    made = back.copy()
    made.paste(Image.fromarray(shaded), (0, 0), mask.filter(ImageFilter.GaussianBlur(1)))
    return made


def shapes(photo: Image.Image, rng: Random) -> Image.Image:
    """Ellipses and rectangles in any colours."""
    made = board(photo, rng) if rng.random() < 0.5 else Image.new("RGB", (SIDE, SIDE), colour(rng))
    draw = ImageDraw.Draw(made)
    for _ in range(rng.integers(2, 9)):
        left, top, width, height = (int(value) for value in (*rng.integers(0, 220, 2), *rng.integers(20, 150, 2)))
        (draw.ellipse, draw.rectangle)[rng.integers(2)]((left, top, left + width, top + height), fill=colour(rng))
    return made


def jigsaw(photo: Image.Image, rng: Random) -> Image.Image:
    """The photo's tiles in another order."""
    count = int(rng.choice([4, 8]))
    side = SIDE // count
    tiles = np.asarray(fit(photo)).reshape(count, side, count, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    mixed = tiles[rng.permutation(len(tiles))].reshape(count, count, side, side, 3).swapaxes(1, 2)
    return Image.fromarray(np.ascontiguousarray(mixed.reshape(SIDE, SIDE, 3)))


def closer(photo: Image.Image, rng: Random) -> Image.Image:
    """A part of the photo about its middle."""
    width, height = photo.size
    side = rng.uniform(0.35, 0.75) * min(width, height)
    left = np.clip((width - side) / 2 + rng.normal(0, 0.06) * width, 0, width - side)
    top = np.clip((height - side) / 2 + rng.normal(0, 0.06) * height, 0, height - side)
    return photo.crop((int(left), int(top), int(left + side), int(top + side))).resize((SIDE, SIDE))


def on_texture(photo: Image.Image, rng: Random) -> Image.Image:
    """The photo, smaller, on a texture."""
    side = int(SIDE * rng.uniform(0.55, 0.85))
    made = texture(rng)
    left, top = (int(value) for value in rng.integers(0, SIDE - side + 1, 2))
    made.paste(fit(photo).resize((side, side)), (left, top))
    return made


def other_light(photo: Image.Image, rng: Random) -> Image.Image:
    """Another exposure and tint, and some blur."""
    values = np.asarray(fit(photo), float) ** rng.uniform(0.7, 1.15) * rng.uniform(0.3, 1.4, 3)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(rng.uniform(0, 2.5))
    )


# From two photos of different classes.
UNKNOWN: dict[str, Callable[[Image.Image, Image.Image, Random], Image.Image]] = {
    "texture": lambda one, other, rng: texture(rng),
    "blob on board": lambda one, other, rng: blob(board(one, rng), rng),
    "blob on texture": lambda one, other, rng: blob(texture(rng), rng),
    "jigsaw": lambda one, other, rng: jigsaw(one, rng),
    "inverted": lambda one, other, rng: ImageOps.invert(fit(one)),
    "mixture": lambda one, other, rng: Image.blend(fit(one), fit(other), 0.5),
    "blurred": lambda one, other, rng: fit(one).filter(ImageFilter.GaussianBlur(rng.uniform(14, 30))),
    "empty board": lambda one, other, rng: board(one, rng),
    "shapes": lambda one, other, rng: shapes(one, rng),
}
KNOWN: dict[str, Callable[[Image.Image, Random], Image.Image]] = {
    "closer": closer,
    "on a texture": on_texture,
    "other light": other_light,
    "turned": lambda photo, rng: ImageOps.mirror(fit(photo)).rotate(int(rng.choice([0, 90, 180, 270]))),
}
