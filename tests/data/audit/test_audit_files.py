import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recyclenet.data.audit.files import examine, grey_thumb, header_oddities


def noise(rng: np.random.Generator, width: int = 120, height: int = 90) -> Image.Image:
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def with_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def test_an_ordinary_photo_has_none(rng) -> None:
    for kind, ending in (("JPEG", ".jpg"), ("JPEG", ".JPEG"), ("PNG", ".png"), ("WEBP", ".webp")):
        assert header_oddities(saved(noise(rng), kind), f"a{ending}") == ()
    assert header_oddities(saved(noise(rng), "JPEG", exif=with_orientation(1)), "a.jpg") == ()


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (lambda p: saved(p.resize((63, 80)), "PNG"), "a.png", "tiny: 63×80"),
        (lambda p: saved(p.resize((401, 100)), "PNG"), "a.png", "very long: 401×100"),
        (lambda p: saved(p, "PNG"), "a.jpg", "PNG with the ending .jpg"),
        (lambda p: saved(p, "GIF", save_all=True, append_images=[p.rotate(9)]), "a.gif", "animated"),
        (lambda p: saved(p, "TIFF", save_all=True, append_images=[p.rotate(9)]), "a.tif", "several pages"),
        (lambda p: saved(p.convert("CMYK"), "JPEG"), "a.jpg", "CMYK"),
        (lambda p: saved(Image.fromarray(np.arange(8100, dtype=np.uint16).reshape(90, 90)), "PNG"), "a.png", "8 bits"),
        (lambda p: saved(p, "JPEG", exif=with_orientation(6)), "a.jpg", "EXIF"),
    ],
    ids=["tiny", "long", "ending", "animated", "pages", "cmyk", "deep", "exif"],
)
def test_each_oddity_alone(rng, make, name: str, words: str) -> None:
    (found,) = header_oddities(make(noise(rng)), name)
    assert words in found


def test_phones_pictures_with_further_views_are_photos(rng) -> None:
    data = saved(noise(rng), "MPO", save_all=True, append_images=[noise(rng)])
    assert header_oddities(data, "a.jpg") == ()


def test_blank(tmp_path: Path) -> None:
    Image.new("RGB", (120, 90), "#e0e0e0").save(tmp_path / "a.png")
    file, photo = examine(tmp_path, "a.png")
    assert file.oddities == ("blank: one tone all over",)
    assert photo is not None


def test_what_cannot_be_read(tmp_path: Path, rng) -> None:
    data = saved(noise(rng), "PNG")
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "empty.jpg").touch()
    for name, reason in (
        ("cut.png", "truncated"),
        ("text.jpg", "not a photo"),
        ("empty.jpg", "empty"),
        ("no", "no such"),
    ):
        file, photo = examine(tmp_path, name)
        assert reason in (file.error or "")
        assert (file.thumb, photo, file.oddities) == (None, None, ())
        assert bool(file.sha256) == (name != "no")


@pytest.mark.parametrize("size", [(96, 72), (201, 150), (64, 64), (512, 384)])
def test_thumb_of_a_turned_photo_is_the_turned_thumb(rng, size: tuple[int, int]) -> None:
    photo = noise(rng, *size)
    thumb = grey_thumb(photo).astype(int)
    for turn in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.TRANSPOSE):
        expected = np.asarray(Image.fromarray(thumb.astype(np.uint8)).transpose(turn))
        assert np.abs(grey_thumb(photo.transpose(turn)) - expected.astype(int)).max() <= 1  # rounding


def test_thumb_is_stretched_to_a_square(tmp_path: Path) -> None:
    half = np.zeros((96, 256), np.uint8)
    half[:, 128:] = 200
    Image.fromarray(half).save(tmp_path / "a.png")
    file, _ = examine(tmp_path, "a.png")
    assert file.thumb is not None
    assert file.thumb.shape == (64, 64)
    assert (file.thumb[:, :31] == 0).all()
    assert (file.thumb[:, 33:] == 200).all()
