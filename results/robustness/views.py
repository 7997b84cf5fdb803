"""What part of a photo a trained model should be given: the centre square, the whole, or the whole made square.

python results/robustness/views.py MODEL.safetensors TRASHNET WEB_PHOTOS

Val, to choose by, and photos from elsewhere. Prints a table in Markdown; README.md here holds one.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from recyclenet.checkpoint import load_classifier
from recyclenet.data.folder import find_photos, open_photo_folder
from recyclenet.metrics import mean_nll
from recyclenet.models.classifier import Classifier
from recyclenet.photo import load_photo
from recyclenet.preprocess import PreprocessSpec
from recyclenet.stress.elsewhere import EITHER, STRANGERS

View = Callable[[Image.Image], Image.Image]
LONGEST = 2.0  # a strip of a photo is cut to this many times its width


def resized(photo: Image.Image, width: int, height: int) -> Image.Image:
    """The photo in a size of its own, as the model's preprocessing resizes."""
    return photo.resize((width, height), Image.Resampling.BILINEAR)


def centre(photo: Image.Image, width: int, height: int) -> Image.Image:
    """Its middle."""
    left, top = (photo.width - width) // 2, (photo.height - height) // 2
    return photo.crop((left, top, left + width, top + height))


def whole(short: int, longest: float = LONGEST) -> View:
    """The shorter side in `short` pixels, the longer one as it is, up to `longest` times as much."""

    def view(photo: Image.Image) -> Image.Image:
        scale = short / min(photo.size)
        width, height = (max(short, round(side * scale)) for side in photo.size)
        limit = round(short * longest)
        return centre(resized(photo, width, height), min(width, limit), min(height, limit))

    return view


def squeezed(side: int) -> View:
    """The whole photo in a square, out of proportion."""
    return lambda photo: resized(photo, side, side)


def padded(side: int) -> View:
    """The whole photo in the middle of a square, its edges repeated outwards."""

    def view(photo: Image.Image) -> Image.Image:
        scale = side / max(photo.size)
        width, height = (max(1, round(length * scale)) for length in photo.size)
        left, top = (side - width) // 2, (side - height) // 2
        edges = ((top, side - height - top), (left, side - width - left), (0, 0))
        return Image.fromarray(np.pad(np.asarray(resized(photo, width, height)), edges, mode="edge"))

    return view


def logits(model: Classifier, spec: PreprocessSpec, photos: Iterable[Image.Image], view: View) -> np.ndarray:
    """(n, K) of photos, one at a time: their views differ in shape."""
    with torch.inference_mode():
        rows = [model(torch.from_numpy(spec.normalize(view(photo))[None])).numpy() for photo in photos]
    return np.concatenate(rows)


def main() -> None:
    """Measures every view, a line each."""
    model_file, trashnet, web = sys.argv[1:]
    model, description = load_classifier(model_file)
    model.eval()
    spec, classes = description.preprocess, description.classes
    folder = open_photo_folder(trashnet)
    records = folder.split("val")
    targets = np.array([classes.index(record.label) for record in records])
    val = [load_photo(folder.root / record.path) for record in records]
    places = [place for place in sorted(Path(web).iterdir()) if place.is_dir() and place.name != STRANGERS]
    found = [(path, place.name.split(EITHER)) for place in places for path in find_photos(place)]
    elsewhere = [load_photo(path, min_side=512) for path, _ in found]

    side, area = spec.img_size, spec.img_size**2
    views: dict[str, View] = {
        f"the centre square, {side}×{side} (the model's own)": whole(side, 1.0),
        "up to 7/6 as long as wide": whole(side, 7 / 6),
        "the whole photo, items as large": whole(side),
        "the whole photo, as many pixels": whole(round((area * 3 / 4) ** 0.5)),
        "the whole photo, squeezed to a square": squeezed(side),
        "the whole photo, padded to a square of as many pixels": padded(side),
        "the whole photo, padded to a square, items as large": padded(round(side * 4 / 3)),
    }
    sys.stdout.write(f"| view | val, of {len(val)} | NLL | elsewhere, of {len(found)} |\n|---|---|---|---|\n")
    for name, view in views.items():
        known = logits(model, spec, val, view)
        right = int((known.argmax(axis=1) == targets).sum())
        answers = [classes[place] for place in logits(model, spec, elsewhere, view).argmax(axis=1)]
        good = sum(answer in accepted for answer, (_, accepted) in zip(answers, found, strict=True))
        sys.stdout.write(f"| {name} | {right} | {mean_nll(known, targets):.3f} | {good} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
