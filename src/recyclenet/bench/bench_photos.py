"""The two photos that answers are timed on: one as TrashNet's, one as a phone takes them."""

from pathlib import Path

import numpy as np
from PIL import Image

from recyclenet.atomic import replace_file
from recyclenet.data.samples import find_samples
from recyclenet.photo import load_photo

SMALL = (512, 384)
LARGE = (4000, 3000)

_GRAIN = 4.0  # of a phone's sensor, in grey levels: without it an enlarged photo would be a far smaller file
_QUALITY = {SMALL: 90, LARGE: 92}


def write_bench_photos(folder: Path) -> dict[str, Path]:
    """JPEGs of 512×384 and of 12 megapixels, of the first sample photo, by their names in tables."""
    photo = load_photo(find_samples().paths[0])
    return {f"{width}×{height}": _write(folder, photo, (width, height)) for width, height in (SMALL, LARGE)}


def _write(folder: Path, photo: Image.Image, size: tuple[int, int]) -> Path:
    pixels = np.asarray(photo.resize(size, Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(0).normal(0, _GRAIN if size == LARGE else 0, pixels.shape)
    path = folder / f"{size[0]}x{size[1]}.jpg"
    with replace_file(path) as temporary:
        Image.fromarray((pixels + grain).round().clip(0, 255).astype(np.uint8)).save(
            temporary, "JPEG", quality=_QUALITY[size]
        )
    return path
