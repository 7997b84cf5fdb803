"""Photos get the same answer in the browser as from Python, in the words and numbers that the HTTP service sends."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from recyclenet.data.folder import open_photo_folder
from recyclenet.photo import MAX_PIXELS
from recyclenet.rules import default_rules
from recyclenet.serve.answer import Answerer
from recyclenet.serve.multipart import Upload
from tests.browser import needs_chromium

pytestmark = needs_chromium

ANSWER = """async (text) => {
  const service = await import("./service.js");
  return service.classify(new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))]));
}"""


@pytest.fixture
def both(page, predictor):
    """The answers (browser's, Python's) for the bytes of a photo."""
    answerer = Answerer(predictor, default_rules(), MAX_PIXELS)

    def both(data):
        return page.evaluate(ANSWER, base64.b64encode(data).decode()), answerer.answer(Upload(None, data), True)

    return both


def furthest(found, wanted):
    """The largest difference between two answers' probabilities."""
    assert list(found["probs"]) == list(wanted["probs"])
    return max(abs(found["probs"][name] - prob) for name, prob in wanted["probs"].items())


def as_file(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def spread(records, count):
    return [records[round(place)] for place in np.linspace(0, len(records) - 1, count)]


def test_fifty_photos(both, trashnet):
    equal = 0
    photos = spread(open_photo_folder(trashnet).records, 50)
    assert len({photo.label for photo in photos}) == 6
    for photo in photos:
        found, wanted = both((trashnet / photo.path).read_bytes())
        assert furthest(found, wanted) <= 0.02, photo.path
        assert found.keys() == wanted.keys()
        assert found["unknown"] == pytest.approx(wanted["unknown"], abs=0.02)
        same = ("label", "set", "state", "verdict", "bin", "reason")
        equal += [found[key] for key in same] == [wanted[key] for key in same]
    assert equal >= 49


def strangers(rng):
    y, x = np.mgrid[:300, :400]
    yield rng.integers(0, 256, (300, 400, 3))
    yield np.stack([x % 256, y % 256, (x * y) % 256], -1)
    yield np.stack([127 + 127 * np.sin((x + k * y) / 9) for k in range(3)], -1)
    yield np.zeros((300, 400, 3))


def test_what_is_no_trash_at_all(both, rng):
    for pixels in strangers(rng):
        found, wanted = both(as_file(Image.fromarray(pixels.astype(np.uint8)), "PNG"))
        assert furthest(found, wanted) <= 0.02
        assert found["unknown"] == pytest.approx(wanted["unknown"], abs=0.02)
        assert [found[key] for key in ("state", "bin")] == [wanted[key] for key in ("state", "bin")]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_photos_as_phones_take_them(both, bottle, rng, orientation):
    """12 megapixels, turned by their EXIF alone: Python has such JPEGs decoded at an eighth of their size."""
    large = np.asarray(Image.open(bottle).resize((4032, 3024), Image.Resampling.BICUBIC), np.int16)
    grain = rng.integers(-12, 13, (*large.shape[:2], 1), np.int16)
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8))
    found, wanted = both(as_file(photo, "JPEG", quality=90, exif=exif))
    assert furthest(found, wanted) <= 0.02
    assert found["label"] == wanted["label"]


def test_pictures_of_other_kinds(both, bottle, rng):
    photo = Image.open(bottle)
    veil = Image.fromarray(rng.integers(0, 256, photo.size[::-1], np.uint8))
    shown_through = photo.copy()
    shown_through.putalpha(veil)
    files = {
        "transparent": as_file(shown_through, "PNG"),
        "palette": as_file(photo.convert("P"), "PNG"),
        "grey": as_file(photo.convert("L"), "PNG"),
        "narrow": as_file(photo.resize((90, 700)), "PNG"),
        "small": as_file(photo.resize((60, 50)), "PNG"),
        "webp": as_file(photo, "WEBP", lossless=True),
        "bmp": as_file(photo, "BMP"),
    }
    for name, data in files.items():
        found, wanted = both(data)
        assert furthest(found, wanted) <= 0.02, name
        assert found["label"] == wanted["label"], name
