import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, features

from recyclenet import rgb
from recyclenet.errors import PhotoError
from recyclenet.photo import load_photo
from recyclenet.photo_structure import MAX_SCANS, MAX_SEGMENTS


def jpeg(size: int = 64, **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def with_scans(more: int) -> bytes:
    """A progressive JPEG, its last scan once more and once more."""
    data = jpeg(progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + more * last + data[-2:]


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(17 * 16)))
    return b"\x89PNG\r\n\x1a\n" + header + extra + pixels + chunk(b"IEND", b"")


def tiff(tile: int) -> bytes:
    """100×100 pixels, grey, in tiles of tile × tile, of which there are 64 bytes."""
    entries = [(256, 4, 100), (257, 4, 100), (258, 3, 8), (259, 3, 5), (262, 3, 1), (277, 3, 1)]
    entries += [(322, 4, tile), (323, 4, tile), (324, 4, 8), (325, 4, 64)]
    table = b"".join(struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 72) + bytes(64) + struct.pack("<H", len(entries)) + table + bytes(4)


def refused(data: bytes, reason: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(PhotoError, match=reason):
        load_photo(data)
    assert time.perf_counter() - begun < 1  # it would be minutes


def test_a_jpeg_of_too_many_scans() -> None:
    assert load_photo(with_scans(50)).size == (64, 64)
    refused(with_scans(MAX_SCANS), "more than 100 scans")


def test_scans_of_one_component_each_count_too() -> None:
    grey_header = jpeg()
    start = grey_header.index(b"\xff\xda")
    # Y alone, then nothing but marks: pixels that are missing are made up, a pass over the picture each time.
    one = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0x00, 0, 63, 0)
    refused(grey_header[:start] + (MAX_SCANS + 1) * one + b"\xff\xd9", "more than 100 scans")


def test_what_follows_a_photo_does_not_count() -> None:
    """Phones append a film."""
    film = np.random.default_rng(1).integers(0, 256, 2**21, dtype=np.uint8).tobytes() + 200 * b"\xff\xda"
    for progressive in (False, True):
        assert load_photo(jpeg(progressive=progressive) + film).size == (64, 64)


def test_a_large_description_does_not_count_as_scans() -> None:
    profile = 200 * b"\xff\xda"
    assert load_photo(jpeg(progressive=True, icc_profile=profile)).size == (64, 64)


def test_a_jpeg_of_too_many_segments() -> None:
    plain = jpeg()
    comment = b"\xff\xfe\x00\x02"
    assert load_photo(plain[:2] + 1000 * comment + plain[2:]).size == (64, 64)
    refused(plain[:2] + (MAX_SEGMENTS + 1) * comment + plain[2:], "more than 10,000 segments")


def test_a_png_of_too_many_chunks() -> None:
    assert load_photo(png(500 * chunk(b"prVt", b""))).size == (16, 16)
    refused(png(100_000 * chunk(b"prVt", b"")), "chunks in 1,200,")


def test_a_png_in_many_full_chunks(rng) -> None:
    raw = zlib.compress(b"".join(b"\0" + rng.integers(0, 256, 3000, dtype=np.uint8).tobytes() for _ in range(1000)), 0)
    parts = b"".join(chunk(b"IDAT", raw[place : place + 2048]) for place in range(0, len(raw), 2048))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1000, 1000, 8, 2, 0, 0, 0))
    assert load_photo(b"\x89PNG\r\n\x1a\n" + header + parts + chunk(b"IEND", b"")).size == (1000, 1000)


@pytest.mark.parametrize("kind", [b"P1", b"P2", b"P3"])
def test_pixels_as_text(kind: bytes) -> None:
    for header in (b"\n1 1", b" # by hand\n1 1", b"\r\n+1 1", b"\x0b1 1"):
        refused(kind + header + b"\n255\n0 0 0\n", "written as text; save it as PNG or JPEG")
    for text in (b"P1 problems of today", kind + b"x" * 100):
        refused(text, "not a photo|damaged")


@pytest.mark.skipif(not features.check("libtiff"), reason="Pillow was built without libtiff")
def test_a_tiff_of_tiles_larger_than_any_photo() -> None:
    refused(tiff(46_000), "tiles of 46000×46000 are more than the limit of 40 megapixels")
    with pytest.raises(PhotoError, match="damaged or truncated"):  # as before: a tile of which there is too little
        load_photo(tiff(128))


MODES = {
    "RGBA": np.uint8,
    "LA": np.uint8,
    "La": np.uint8,
    "I;16": np.uint16,
    "I": np.int32,
    "F": np.float32,
}


@pytest.mark.parametrize("mode", MODES)
def test_bands_change_nothing(mode: str, monkeypatch, rng) -> None:
    if mode in ("RGBA", "LA", "La"):
        pixels = Image.fromarray(rng.integers(0, 256, (97, 71, 4), dtype=np.uint8))
        image = pixels if mode == "RGBA" else pixels.convert("LA")
        image = image.convert("La") if mode == "La" else image
    else:
        image = Image.fromarray((rng.random((97, 71)) * 60_000).astype(MODES[mode]))
    assert image.mode == mode
    whole = np.asarray(rgb.to_rgb(image))
    monkeypatch.setattr(rgb, "_BAND_PIXELS", 500)
    assert np.array_equal(np.asarray(rgb.to_rgb(image)), whole)
    assert whole.std() > 10
