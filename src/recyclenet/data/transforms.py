"""Training augmentation. What evaluation and prediction see is defined in `preprocess.py` alone."""

from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from recyclenet.config import Augment
from recyclenet.preprocess import PreprocessSpec

Transform = Callable[[Image.Image], Tensor]

_INTERPOLATION = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def create_transform(augment: Augment, spec: PreprocessSpec) -> Transform:
    """RGB photo → (3, img_size, img_size) float32, normalised; random numbers from torch's global generator.

    "none" is the evaluation view. "paper" is the original's: random resized crop and horizontal flip.
    "strong" adds what the items allow (they lie on a table, so any turn is as likely as any other) and what
    cameras do: all flips and quarter turns, lighting and colour, a hidden patch.
    """
    return _View(spec) if augment == "none" else _Augmented(augment, spec)


# Classes and not closures: worker processes that do not fork get their transform by pickle.
class _View:
    def __init__(self, spec: PreprocessSpec) -> None:
        self.spec = spec

    def __call__(self, photo: Image.Image) -> Tensor:
        return torch.from_numpy(self.spec(photo))


class _Augmented:
    def __init__(self, augment: Augment, spec: PreprocessSpec) -> None:
        interpolation = _INTERPOLATION[spec.interpolation]
        steps: list[Callable[..., object]] = []
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
        steps += [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(spec.mean), list(spec.std))]
        if augment == "strong":
            steps.append(v2.RandomErasing(p=0.15, scale=(0.02, 0.15)))
        self.compose = v2.Compose(steps)

    def __call__(self, photo: Image.Image) -> Tensor:
        image: Tensor = self.compose(photo).as_subclass(Tensor)
        return image


def decode_side(augment: Augment, spec: PreprocessSpec) -> int:
    """The shorter side below which a photo need not be decoded: crops of a part need more than the whole view."""
    return spec.resize if augment == "none" else 2 * spec.resize


def _quarter_turn(photo: Image.Image) -> Image.Image:
    turns = int(torch.randint(4, ()))
    return photo if turns == 0 else photo.transpose(_TURNS[turns])


_TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
