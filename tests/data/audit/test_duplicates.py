"""On TrashNet's photos: generated copies are found, the known pairs too, and nothing else."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from recyclenet.data.audit.duplicates import find_twins
from recyclenet.data.audit.files import PhotoFile, examine, grey_thumb
from recyclenet.data.folder import open_photo_folder
from recyclenet.photo import load_photo

T = Image.Transpose
CHOSEN = 60  # photos, one in 42


def as_file(photo: Image.Image, quality: int = 85) -> PhotoFile:
    """The photo as a JPEG, as `examine` sees it."""
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=quality)
    decoded = load_photo(stream.getvalue(), min_side=256)
    return PhotoFile(hashlib.sha256(stream.getvalue()).hexdigest(), grey_thumb(decoded), None, ())


@pytest.fixture(scope="module")
def originals(trashnet) -> list[Image.Image]:
    records = open_photo_folder(trashnet).records
    return [load_photo(trashnet / record.path) for record in records[:: len(records) // CHOSEN]]


def crop(photo: Image.Image, left: float, top: float, width: float, height: float) -> Image.Image:
    w, h = photo.size
    return photo.crop((round(left * w), round(top * h), round((left + width) * w), round((top + height) * h)))


# Name → (what is made of a photo, the least share that must be found). For more, see docs/trashnet-audit.md.
COPIES = {
    "compressed": (lambda photo: photo, 1.0),
    "half as large": (lambda photo: photo.resize((256, 192)), 1.0),
    "turned by 90°": (lambda photo: photo.transpose(T.ROTATE_270), 1.0),
    "turned by 180°": (lambda photo: photo.transpose(T.ROTATE_180), 1.0),
    "mirrored": (lambda photo: photo.transpose(T.FLIP_LEFT_RIGHT), 1.0),
    "brighter": (lambda photo: photo.point(lambda v: min(255, round(1.15 * v + 5))), 0.95),
    "cut to 90 %": (lambda photo: crop(photo, 0.07, 0.02, 0.9, 0.9), 0.95),
    "cut to 80 %": (lambda photo: crop(photo, 0.03, 0.16, 0.8, 0.8), 0.95),
    "square": (lambda photo: crop(photo, 0.125, 0, 0.75, 1), 0.85),
    "cut and turned": (lambda photo: crop(photo, 0.1, 0.1, 0.8, 0.8).transpose(T.ROTATE_90).resize((225, 300)), 0.95),
}  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_found_and_nothing_else(name: str, originals) -> None:
    make, share = COPIES[name]
    files = [as_file(photo, 90) for photo in originals] + [as_file(make(photo), 60) for photo in originals]
    twins = find_twins(files)
    pairs = {frozenset((twin.copy, twin.original)) for twin in twins}
    wanted = {frozenset((place, place + len(originals))) for place in range(len(originals))}
    assert pairs <= wanted
    assert len(pairs) >= share * len(wanted)
    if name in ("turned by 180°", "mirrored"):
        assert {twin.how for twin in twins} == {f"the same picture, {name}"}


def test_a_crop_is_described(originals) -> None:
    (twin,) = find_twins([as_file(originals[9], 90), as_file(crop(originals[9], 0.1, 0.1, 0.8, 0.8))])
    assert (twin.copy, twin.original) == (1, 0)
    words = twin.how.split()
    assert [abs(int(words[i]) - 80) <= 2 for i in (words.index("to") + 1, words.index("and") + 1)] == [True, True]


def test_identical_bytes_are_linked_to_the_first() -> None:
    flat = np.full((64, 64), 9, np.uint8)
    files = [PhotoFile("a", flat, None, ()), PhotoFile("", None, "gone", ()), PhotoFile("a", flat, None, ())]
    files += [PhotoFile("b", None, "broken", ()), PhotoFile("b", None, "broken", ()), PhotoFile("a", flat, None, ())]
    twins = find_twins(files)
    assert [(twin.copy, twin.original) for twin in twins] == [(2, 0), (4, 3), (5, 0)]
    assert all(twin.is_identical and twin.score == 1 and twin.how == "the same bytes" for twin in twins)
    assert find_twins([]) == ()


def test_more_copies_than_neighbours_hang_together(originals) -> None:
    from recyclenet.data.groups import connect

    files = [as_file(originals[3], quality) for quality in range(60, 90)] + [as_file(originals[4])]
    twins = find_twins(files)
    assert set(connect(31, [(twin.copy, twin.original) for twin in twins])) == {0, 30}


# Byte-identical pairs with two labels, and pairs that were shot twice, seen by eye.
KNOWN = {
    ("glass115", "metal91"), ("glass176", "plastic152"), ("glass389", "plastic332"),
    ("metal120", "metal50"), ("metal394", "metal76"), ("paper123", "paper547"), ("paper314", "paper53"),
    ("paper522", "paper534"), ("paper457", "paper553"), ("paper152", "paper392"), ("glass144", "glass485"),
}  # fmt: skip
# On one board under one lamp, or of one shape, but not the same.
NOT_THE_SAME = ["paper116", "paper22", "paper52", "paper203", "paper261", "paper294", "paper539", "glass183", "glass5"]
NOT_THE_SAME += ["glass76", "metal304", "metal360", "cardboard227", "cardboard268", "metal373", "metal338"]


def test_trashnets_pairs(trashnet) -> None:
    names = sorted({name for pair in KNOWN for name in pair} | set(NOT_THE_SAME))
    files = [examine(trashnet / "dataset-resized" / name.rstrip("0123456789"), f"{name}.jpg")[0] for name in names]
    twins = find_twins(files)
    assert {tuple(sorted((names[twin.copy], names[twin.original]))) for twin in twins} == KNOWN
    identical = {names[twin.copy] for twin in twins if twin.is_identical}
    assert identical == {"metal91", "plastic152", "plastic332"}
