"""Training augmentation. What evaluation and prediction see is defined in `preprocess.py` alone."""

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from recyclenet.config import Augment
from recyclenet.data.staging.restage import restage
from recyclenet.data.staging.surfaces import any_surface
from recyclenet.preprocess import PreprocessSpec

Transform = Callable[[Image.Image], Tensor]

_INTERPOLATION = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def create_transform(augment: Augment, spec: PreprocessSpec, surfaces: float = 0.0) -> Transform:
    """RGB photo → (3, img_size, img_size) float32, normalised; random numbers from torch's global generator.

    "none" is the evaluation view. "paper" is the original's: random resized crop and horizontal flip.
    "strong" adds what the items allow (they lie on a table, so any turn is as likely as any other) and what
    cameras do: all flips and quarter turns, lighting and colour, a hidden patch. "camera" adds to "strong" what cheap
    or badly placed cameras do: blur, coarse pixels, other lamps, wrong exposure, strong compression.

    Args:
        augment: which of them.
        spec: the evaluation view.
        surfaces: the share of augmented views that show the item on a made-up surface, see `data.staging`.
    """
    return _View(spec) if augment == "none" else _Augmented(augment, spec, surfaces)


# Classes and not closures: worker processes that do not fork get their transform by pickle.
class _View:
    def __init__(self, spec: PreprocessSpec) -> None:
        self.spec = spec

    def __call__(self, photo: Image.Image) -> Tensor:
        return torch.from_numpy(self.spec(photo))


class _Augmented:
    def __init__(self, augment: Augment, spec: PreprocessSpec, surfaces: float) -> None:
        interpolation = _INTERPOLATION[spec.interpolation]
        steps: list[Callable[..., object]] = [_Elsewhere(surfaces, spec.resize)] if surfaces else []
        if augment == "paper":
            steps += [v2.RandomResizedCrop(spec.img_size, interpolation=interpolation), v2.RandomHorizontalFlip()]
        else:
            steps += [
                v2.RandomResizedCrop(spec.img_size, scale=(0.35, 1.0), interpolation=interpolation),
                v2.RandomHorizontalFlip(),
                v2.RandomVerticalFlip(),
                _quarter_turn,
                v2.RandomApply([v2.ColorJitter(0.25, 0.25, 0.25, 0.03)], p=0.6),
            ]
        if augment == "camera":
            steps.append(_camera)
        steps += [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(spec.mean), list(spec.std))]
        if augment in ("strong", "camera"):
            steps.append(v2.RandomErasing(p=0.15, scale=(0.02, 0.15)))
        self.compose = v2.Compose(steps)

    def __call__(self, photo: Image.Image) -> Tensor:
        image: Tensor = self.compose(photo).as_subclass(Tensor)
        return image


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


def _quarter_turn(photo: Image.Image) -> Image.Image:
    turns = int(torch.randint(4, ()))
    return photo if turns == 0 else photo.transpose(_TURNS[turns])


_TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
