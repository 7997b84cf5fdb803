"""`load_photo`: bytes of any kind become an upright RGB picture or a PhotoError."""

import io
import zlib

import numpy as np
from PIL import Image, features

from recyclenet.photo import load_photo
from tests.fuzz.hostile import Form, Target
from tests.test_photo import HEIC, exif_with


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the right checksums, as far as their lengths make sense."""
    made, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if place + 12 + length > len(data):
            break
        chunk = data[place + 4 : place + 8 + length]
        made += data[place : place + 4] + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        place += 12 + length
    return bytes(made) + data[place:]


def _forms() -> list[Form]:
    picture = Image.fromarray(np.random.default_rng(3).integers(0, 256, (9, 12, 3), np.uint8))
    blue = Image.new("RGB", (12, 9), (0, 0, 255))
    frames = {"save_all": True, "append_images": [blue]}
    whole = [
        _encoded(picture, "JPEG", exif=exif_with(6)),
        _encoded(picture, "JPEG", progressive=True),
        _encoded(picture.convert("CMYK"), "JPEG"),
        _encoded(picture, "MPO", **frames),
        _encoded(picture, "GIF", **frames),
        _encoded(picture, "WEBP", exif=exif_with(3), **frames),
        _encoded(picture.convert("RGBA"), "WEBP", lossless=True),
        _encoded(picture, "BMP"),
        _encoded(picture.convert("P"), "BMP"),
        _encoded(picture, "PPM"),
        _encoded(picture.convert("I;16"), "PPM"),
        _encoded(picture, "TIFF", exif=exif_with(8)),
        *(_encoded(picture, "TIFF", compression=name) for name in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
        _encoded(picture.convert("F"), "TIFF"),
        _encoded(picture.convert("1"), "TIFF", compression="group4"),
        HEIC,
    ]
    if features.check("avif"):
        whole.append(_encoded(picture.resize((32, 32)), "AVIF"))
    pngs = [
        _encoded(picture, "PNG", exif=exif_with(5)),
        _encoded(picture.convert("P"), "PNG", transparency=bytes(range(100))),
        _encoded(picture.convert("I;16"), "PNG"),
        _encoded(picture, "PNG", **frames),
    ]
    return [*map(Form, whole), *map(Form, pngs), *(Form(png, _with_checksums) for png in pngs)]


def _read(data: bytes) -> None:
    for min_side in (None, 8):
        picture = load_photo(data, min_side=min_side)
        assert picture.mode == "RGB"
        assert np.asarray(picture).shape == (picture.height, picture.width, 3)


TARGET = Target(_forms(), _read)
