"""Training augmentation. What evaluation and prediction see is defined in `preprocess.py` alone."""

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import RandAugment, functional

from recyclenet.config import Augment
from recyclenet.data.draws import BRIGHTNESS, CONTRAST, HUE, SATURATION, UNCHANGED, Draw, draw_hidden, draw_view
from recyclenet.data.staging.restage import restage
from recyclenet.data.staging.surfaces import any_surface
from recyclenet.preprocess import PreprocessSpec

Transform = Callable[[Image.Image], Tensor]

_INTERPOLATION = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def create_transform(
    augment: Augment, spec: PreprocessSpec, surfaces: float = 0.0, *, two_places: bool = False
) -> Transform:
    """RGB photo → (3, img_size, img_size) float32, normalised; random numbers from torch's global generator.

    With `two_places` an augmented view is (6, img_size, img_size).

    "none" is the evaluation view. "paper" is the original's: random resized crop and horizontal flip.
    "strong" adds what the items allow (they lie on a table, so any turn is as likely as any other) and what
    cameras do: all flips and quarter turns, lighting and colour, a hidden patch. "upright" is "strong" without
    turns and without top and bottom exchanged. "camera" adds to "strong" what cheap or badly placed cameras do: blur,
    coarse pixels, other lamps, wrong exposure, strong compression. "randaugment" has two of RandAugment's operations,
    at its usual strength, in place of lighting and colour (https://arxiv.org/abs/1909.13719).

    Args:
        augment: which of them.
        spec: the evaluation view.
        surfaces: the share of augmented views that show the item on a made-up surface, see `data.staging`.
        two_places: each augmented view twice, one over the other: of the photo as it is, and of the item on a made-up
            surface. The rest of chance is the same for both; `surfaces` counts for nothing.
    """
    if augment == "none":
        return _View(spec)
    return _TwoPlaces(augment, spec) if two_places else _Augmented(augment, spec, surfaces)


# Classes and not closures: worker processes that do not fork get their transform by pickle.
class _View:
    def __init__(self, spec: PreprocessSpec) -> None:
        self.spec = spec

    def __call__(self, photo: Image.Image) -> Tensor:
        return torch.from_numpy(self.spec(photo))


class _Augmented:
    def __init__(self, augment: Augment, spec: PreprocessSpec, surfaces: float) -> None:
        self.augment, self.spec = augment, spec
        self.elsewhere = _Elsewhere(surfaces, spec.resize) if surfaces else None

    def __call__(self, photo: Image.Image) -> Tensor:
        if self.elsewhere is not None:
            photo = self.elsewhere(photo)
        return self.view(photo, draw_view(self.augment, photo.height, photo.width))

    def view(self, photo: Image.Image, draw: Draw) -> Tensor:
        view = _adjusted(_laid(photo, draw, self.spec), draw)
        if self.augment == "camera":
            view = _camera(view)
        if self.augment == "randaugment":
            view = _RAND_AUGMENT(view)
        hidden = draw_hidden(self.augment, self.spec.img_size)
        image = torch.from_numpy(self.spec.normalize(view))
        image[:, hidden.top : hidden.top + hidden.height, hidden.left : hidden.left + hidden.width] = 0
        return image


class _TwoPlaces:
    def __init__(self, augment: Augment, spec: PreprocessSpec) -> None:
        self.augmented, self.elsewhere = _Augmented(augment, spec, surfaces=0.0), _Elsewhere(1.0, spec.resize)

    def __call__(self, photo: Image.Image) -> Tensor:
        moved = self.elsewhere(photo)
        draw = draw_view(self.augmented.augment, photo.height, photo.width)
        chance = torch.get_rng_state()
        on_board = self.augmented.view(photo, draw)
        torch.set_rng_state(chance)
        return torch.cat([on_board, self.augmented.view(moved, draw.at_size(photo.size, moved.size))])


def _laid(photo: Image.Image, draw: Draw, spec: PreprocessSpec) -> Image.Image:
    """The part of the photo that was drawn, as a square, as it lies."""
    interpolation = _INTERPOLATION[spec.interpolation]
    view: Image.Image = functional.resized_crop(photo, *draw.part, [spec.img_size, spec.img_size], interpolation)
    if draw.mirrored:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if draw.flipped:
        view = view.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return view.transpose(_TURNS[draw.turns]) if draw.turns else view


def _adjusted(view: Image.Image, draw: Draw) -> Image.Image:
    for which in draw.order:
        if draw.factors[which] != UNCHANGED[which]:
            view = _ADJUSTMENTS[which](view, draw.factors[which])
    return view


class _Elsewhere:
    def __init__(self, share: float, short_side: int) -> None:
        self.share = share
        self.short_side = short_side

    def __call__(self, photo: Image.Image) -> Image.Image:
        if float(torch.rand(())) >= self.share:
            return photo
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        # More pixels than the view has would only cost time; the shape stays.
        scale = min(1.0, self.short_side / min(photo.size))
        small = photo.resize((round(scale * photo.width), round(scale * photo.height)), Image.Resampling.BILINEAR)
        return restage(small, any_surface(rng, small.height, small.width), rng)


def decode_side(augment: Augment, spec: PreprocessSpec) -> int:
    """The shorter side below which a photo need not be decoded: crops of a part need more than the whole view."""
    return spec.resize if augment == "none" else 2 * spec.resize


def _camera(photo: Image.Image) -> Image.Image:
    """What a cheap or badly placed camera makes of a view; each fault by lot."""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand(()))

    if draw(0, 1) < 0.4:  # exposure and lamp: each channel by a power of its own, about a common one
        power = 2 ** draw(-0.8, 0.8)
        powers = (power * 2 ** draw(-0.2, 0.2), power, power * 2 ** draw(-0.2, 0.2))
        photo = photo.point([round(255 * (value / 255) ** exponent) for exponent in powers for value in range(256)])
    if draw(0, 1) < 0.35:  # out of focus
        photo = photo.filter(ImageFilter.GaussianBlur(draw(0.002, 0.025) * photo.width))
    if draw(0, 1) < 0.2:  # few pixels
        coarse = max(round(photo.width * draw(0.3, 0.8)), 1)
        photo = photo.resize((coarse, coarse), Image.Resampling.BOX).resize(photo.size, Image.Resampling.BILINEAR)
    if draw(0, 1) < 0.3:
        buffer = io.BytesIO()
        photo.save(buffer, "JPEG", quality=round(draw(8, 60)))
        photo = Image.open(buffer).convert("RGB")
    return photo


# What comes into view from outside is white as TrashNet's board.
_RAND_AUGMENT = RandAugment(num_ops=2, magnitude=9, interpolation=InterpolationMode.BILINEAR, fill=[255, 255, 255])
_TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
_ADJUSTMENTS: dict[int, Callable[[Image.Image, float], Image.Image]] = {
    BRIGHTNESS: functional.adjust_brightness,
    CONTRAST: functional.adjust_contrast,
    SATURATION: functional.adjust_saturation,
    HUE: functional.adjust_hue,
}
