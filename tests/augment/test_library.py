import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from recyclenet.augment.groups import GROUPS, group_steps, pipeline
from recyclenet.augment.library import albumentations, apply, refuse_outdated
from recyclenet.errors import RecycleNetError

# Counts what would leave the machine; albumentations itself swallows the failures.
WATCHED = """
import socket, sys, types, warnings
warnings.simplefilter("ignore")
asked = []
def refuse(*args, **kwargs):
    asked.append(args)
    raise OSError("no network here")
socket.getaddrinfo = socket.socket.connect = refuse
{load}
print(len(asked), "torch" in sys.modules)
"""


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ("import recyclenet.augment.job, recyclenet.augment.preview", "0 False"),
        # The same watch over the library alone, to see that it sees something.
        ("sys.modules['albumentations.pytorch'] = types.ModuleType('x'); import albumentations", "1 False"),
    ],
)
def test_importing_asks_no_server_and_loads_no_torch(load, expected):
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environment.pop("NO_ALBUMENTATIONS_UPDATE", None)
    code = WATCHED.format(load=load)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def test_the_tensor_room_is_as_before():
    assert "albumentations.pytorch" not in sys.modules


OUTDATED = [
    ("GaussNoise", {"var_limit": (10.0, 50.0)}),
    ("OpticalDistortion", {"shift_limit": 0.05}),
    ("RandomShadow", {"num_shadows_lower": 1}),
    ("ElasticTransform", {"alpha_affine": 50}),
    ("ShiftScaleRotate", {"p": 1}),
]


@pytest.mark.parametrize(("name", "arguments"), OUTDATED)
def test_outdated_arguments_are_errors(name, arguments):
    with pytest.warns(UserWarning, match=name):  # all that the library does by itself
        getattr(albumentations, name)(**arguments)
    with pytest.raises(RecycleNetError, match=f"albumentations .*{name}"), refuse_outdated():
        getattr(albumentations, name)(**arguments)


@pytest.mark.parametrize(
    "change", [{"GaussNoise": albumentations.RandomShadow}, {"RandomShadow": None}], ids=["arguments", "name"]
)
def test_another_albumentations_is_refused_and_not_fallen_back_on(monkeypatch, change):
    for name, value in change.items():
        monkeypatch.setattr(albumentations, name, value)
    with pytest.raises(RecycleNetError, match=r"install the version of pip install 'recyclenet\[augment\]'"):
        group_steps("distort", 384)


def test_transforms_of_one_pipeline_are_drawn_independently():
    """Seeding a composition by albumentations' own means gives each the same draws: both flips or none."""
    photo = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    across, down = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), photo.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    flips = albumentations.Compose([albumentations.HorizontalFlip(p=0.5), albumentations.VerticalFlip(p=0.5)])
    seen = [apply(flips, photo, seed).tobytes() for seed in range(400)]
    for turned in (photo, across, down, photo.transpose(Image.Transpose.ROTATE_180)):
        assert 60 < seen.count(turned.tobytes()) < 140


@pytest.mark.parametrize("group", GROUPS)
def test_everything_random_is_governed_by_the_seed(group, rng):
    """Each transform alone, and the group: the same seed gives the same pixels, also after others were drawn."""
    photo = Image.fromarray(rng.integers(0, 256, (240, 250, 3), dtype=np.uint8))
    alone = [transform for step in group_steps(group, 240) for transform in step.values()]
    for transform in (*alone, pipeline(group, "high", 240)):
        first = apply(transform, photo, 1).tobytes()
        np.random.seed(5)  # the global generator must not matter
        others = {apply(transform, photo, seed).tobytes() for seed in range(2, 12)}
        assert apply(transform, photo, 1).tobytes() == first
        fixed = ("CenterCrop", "Transpose", "HorizontalFlip", "VerticalFlip", "Blur", "MedianBlur", "GaussianBlur")
        if type(transform).__name__ in (*fixed, "InvertImg"):
            assert others == {first}
        else:
            assert len(others) > 1, transform
