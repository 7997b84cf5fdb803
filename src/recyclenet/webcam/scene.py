"""A live picture as the window shows it: the square that the model looks at, and the evidence in it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from recyclenet.pictures.heatmap import overlay
from recyclenet.preprocess import PreprocessSpec

_LARGEST = (960, 720)  # pixels; more costs time in every frame, and shows no more
_LINE = 3


def draw_scene(
    picture: Image.Image, preprocess: PreprocessSpec, colour: str, values: NDArray[np.float32] | None = None
) -> Image.Image:
    """A new picture (RGB, at most 960×720), the model's square framed.

    Args:
        picture: RGB, any size; it is not changed.
        preprocess: says where the square lies.
        colour: of the frame, as #rrggbb.
        values: (h, w) in [0, 1], evidence over the square (see `pictures.heatmap.heat`), or None to show none.
    """
    scene = picture.copy()
    scene.thumbnail(_LARGEST, Image.Resampling.BILINEAR)
    box = preprocess.box(scene.size)
    if values is not None:
        scene.paste(overlay(scene.crop(box), values), box[:2])
    left, top, right, bottom = box
    ImageDraw.Draw(scene).rectangle((left, top, right - 1, bottom - 1), outline=colour, width=_LINE)
    return scene
