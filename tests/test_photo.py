import base64
import io
import os
import struct
import sys
import threading
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from recyclenet import photo
from recyclenet.errors import PhotoError
from recyclenet.photo import MAX_ASPECT, MAX_BYTES, PHOTO_SUFFIXES, load_photo

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)

# 64×48 pixels: (200, 30, 40) left, (20, 60, 200) right.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAA"
    "AERAAAEAAQAAAAABoQABAAAAAAAAADoAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADd"
    "aXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAA"
    "AwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xh"
    "cAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAEJtZGF0AAAA"
    "NigBr1jm9Oq//+UNf/5s/IfJrL9f/sL1X7FiT/sXdUktsDUYu8ag8XIQtIGEAZNtq+SEXJaxwA=="
)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(colour: object, mode: str = "RGB", size: tuple[int, int] = (32, 24)) -> Image.Image:
    return Image.new(mode, size, colour)


def colour_of(data: bytes) -> tuple[int, ...]:
    picture = load_photo(data)
    assert picture.mode == "RGB"
    return picture.getpixel((picture.width // 2, picture.height // 2))


def near(found: tuple[int, ...], expected: tuple[int, ...], slack: int) -> bool:
    return all(abs(one - other) <= slack for one, other in zip(found, expected, strict=True))


def quadrants() -> np.ndarray:
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:12, :20], upright[:12, 20:], upright[12:, :20], upright[12:, 20:] = RED, GREEN, BLUE, WHITE
    return upright


# EXIF 2.32, tag 274: which side of the scene the stored row 0 and the stored column 0 are.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored_as(upright: np.ndarray, orientation: int) -> Image.Image:
    row, column = SIDES[orientation]
    if "bottom" in (row, column):
        upright = upright[::-1]
    if "right" in (row, column):
        upright = upright[:, ::-1]
    return Image.fromarray(np.ascontiguousarray(upright if row in ("top", "bottom") else upright.transpose(1, 0, 2)))


def exif_with(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    """A grey PNG that claims a size and holds no pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")


def bmp_header(width: int, height: int) -> bytes:
    """A BMP that claims a size and holds no pixels."""
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def grey_tiff(values: list[int], code: str, sample_format: int, order: str = "<") -> bytes:
    """One row of grey values; sample_format 1 is unsigned, 2 signed."""
    pixels = struct.pack(f"{order}{len(values)}{code}", *values)
    bits = 8 * struct.calcsize(f"{order}{code}")
    shorts = {256: len(values), 257: 1, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(pixels)}
    shorts[339] = sample_format
    entries = b"".join(struct.pack(f"{order}HHIHxx", tag, 3, 1, value) for tag, value in shorts.items())
    start = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(pixels))
    return start + pixels + struct.pack(f"{order}H", len(shorts)) + entries + bytes(4)


def greys(data: bytes) -> list[int]:
    pixels = np.asarray(load_photo(data))
    assert (pixels == pixels[..., :1]).all()
    return pixels[0, :, 0].tolist()


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_every_format_gives_its_colour(kind, tmp_path):
    data = encode(plain((200, 40, 60)), kind)
    file = tmp_path / "photo"
    file.write_bytes(data)
    for source in (data, file, str(file)):
        picture = load_photo(source)
        assert (picture.mode, picture.size) == ("RGB", (32, 24))
        assert near(picture.getpixel((3, 20)), (200, 40, 60), 3)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
@pytest.mark.parametrize("brand", [b"avif", b"mif1"])
def test_avif_needs_no_extra(brand, monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    data = encode(plain((200, 40, 60), size=(64, 64)), "AVIF")
    assert near(colour_of(data[:8] + brand + data[12:]), (200, 40, 60), 6)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind, orientation):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(stored_as(quadrants(), orientation), kind, exif=exif_with(orientation), **options)
    np.testing.assert_array_equal(np.asarray(load_photo(data)), quadrants())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_jpeg(orientation):
    stored = stored_as(quadrants(), orientation)
    picture = load_photo(encode(stored, "JPEG", exif=exif_with(orientation), quality=95, subsampling=0))
    assert picture.size == (40, 24)
    for place, colour in {(4, 4): RED, (35, 4): GREEN, (4, 20): BLUE, (35, 20): WHITE}.items():
        assert near(picture.getpixel(place), colour, 20)


def test_what_was_turned_is_not_turned_again():
    turned = load_photo(encode(stored_as(quadrants(), 6), "PNG", exif=exif_with(6)))
    assert np.array_equal(np.asarray(photo.upright_rgb(turned)), np.asarray(turned))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_unknown_orientation_changes_nothing(orientation):
    data = encode(Image.fromarray(quadrants()), "PNG", exif=exif_with(orientation))
    np.testing.assert_array_equal(np.asarray(load_photo(data)), quadrants())


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0garbage, no TIFF header",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x01",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x05\0\0\0\xff\xff\xff\x7f\0\0\0\0",
        b"Exif\0\0",
    ],
)
def test_broken_exif_is_ignored(block):
    plain_jpeg = encode(plain((200, 40, 60)), "JPEG")
    data = plain_jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + plain_jpeg[2:]
    assert near(colour_of(data), (200, 40, 60), 3)
    png = encode(Image.fromarray(quadrants()), "PNG")
    with_block = png[:33] + png_chunk(b"eXIf", block[6:]) + png[33:]
    np.testing.assert_array_equal(np.asarray(load_photo(with_block)), quadrants())


@pytest.mark.parametrize("colour", [(200, 40, 60), (20, 180, 90), WHITE, BLACK])
def test_cmyk_jpeg_keeps_its_colours(colour):
    cmyk = plain((*(255 - part for part in colour), 0), "CMYK")
    assert near(colour_of(encode(cmyk, "JPEG", quality=95)), colour, 6)


@pytest.mark.parametrize(("kind", "slack"), [("JPEG", 1), ("PNG", 0), ("TIFF", 0), ("BMP", 0), ("PPM", 0)])
def test_greyscale(kind, slack):
    assert near(colour_of(encode(plain(77, "L"), kind)), (77, 77, 77), slack)


def test_one_bit():
    picture = plain(0, "1")
    picture.putpixel((0, 0), 1)
    loaded = load_photo(encode(picture, "PNG"))
    assert (loaded.getpixel((0, 0)), loaded.getpixel((1, 0))) == (WHITE, BLACK)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind):
    values = np.array([[0, 128, 129, 255, 256, 1000, 32768, 40000, 65407, 65535]], np.uint16)
    assert greys(encode(Image.fromarray(values), kind)) == np.rint(values[0] / 257).tolist()


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_tiff_of_either_byte_order(order):
    assert greys(grey_tiff([0, 257, 25700, 65535], "H", 1, order)) == [0, 1, 100, 255]


def test_16_bit_colour_png():
    rows = zlib.compress(b"\0" + struct.pack(">6H", 0xC8C8, 0x2828, 0x3C3C, 0, 0xFFFF, 0x8080))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    picture = load_photo(data)
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(200, 40, 60), (0, 255, 128)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_32_bit_grey_in_the_range_of_16_bit(order):
    assert greys(grey_tiff([-5, 0, 25700, 65535], "i", 2, order)) == [0, 0, 100, 255]


def test_32_bit_signed_grey_reaches_white():
    assert greys(grey_tiff([0, 2**30, 2**31 - 1], "i", 2)) == [0, 128, 255]


def test_32_bit_unsigned_grey_reaches_white():
    assert greys(grey_tiff([0, 2**31, 2**32 - 1], "I", 1)) == [0, 128, 255]


@pytest.mark.parametrize("scale", [1.0, 255.0, 65535.0])
def test_float_grey_is_scaled_by_its_range(scale):
    shares = np.array([[0.0, 0.2, 0.5, 0.8, 1.0]], np.float32)
    assert greys(encode(Image.fromarray(shares * np.float32(scale)), "TIFF")) == [0, 51, 128, 204, 255]


def test_float_grey_without_a_number_is_black():
    values = np.array([[np.nan, -3.0, -np.inf, 1.0]], np.float32)
    assert greys(encode(Image.fromarray(values), "TIFF")) == [0, 0, 0, 255]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("alpha", [0, 51, 128, 255])
def test_alpha_lies_over_white(kind, alpha):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    data = encode(plain((200, 40, 60, alpha), "RGBA"), kind, **options)
    expected = tuple(round((part * alpha + 255 * (255 - alpha)) / 255) for part in (200, 40, 60))
    assert near(colour_of(data), expected, 1)


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_grey_alpha_lies_over_white(alpha):
    expected = round((90 * alpha + 255 * (255 - alpha)) / 255)
    assert near(colour_of(encode(plain((90, alpha), "LA"), "PNG")), (expected,) * 3, 1)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
@pytest.mark.parametrize("transparency", [0, None])
def test_palette_with_a_transparent_colour(kind, transparency):
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([10, 20, 30, 200, 40, 60])
    picture.paste(0, (0, 0, 4, 8))
    options = {} if transparency is None else {"transparency": transparency}
    loaded = load_photo(encode(picture, kind, **options))
    assert loaded.getpixel((1, 1)) == ((10, 20, 30) if transparency is None else WHITE)
    assert loaded.getpixel((6, 6)) == (200, 40, 60)


def test_palette_with_alpha_for_each_colour():
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([0, 0, 0, 200, 40, 60])
    data = encode(picture, "PNG", transparency=bytes([0, 128]))
    assert near(colour_of(data), tuple(round((part * 128 + 255 * 127) / 255) for part in (200, 40, 60)), 1)


@pytest.mark.parametrize(("mode", "colour"), [("L", 90), ("RGB", (200, 40, 60)), ("I;16", 23130)])
def test_png_with_one_transparent_colour(mode, colour):
    assert colour_of(encode(plain(colour, mode), "PNG", transparency=colour)) == WHITE


@pytest.mark.parametrize(
    ("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {}), ("MPO", {})]
)
def test_of_several_frames_the_first_counts(kind, options):
    data = encode(plain(RED), kind, save_all=True, append_images=[plain(BLUE), plain(GREEN)], **options)
    assert near(colour_of(data), RED, 2)


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_heic(brand):
    pytest.importorskip("pi_heif")
    picture = load_photo(HEIC[:8] + brand + HEIC[12:])
    assert (picture.mode, picture.size) == ("RGB", (64, 48))
    assert near(picture.getpixel((8, 8)), (200, 30, 40), 8)
    assert near(picture.getpixel((56, 40)), (20, 60, 200), 8)


def test_heic_without_its_extra_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(PhotoError, match=r"pip install 'recyclenet\[heic\]'"):
        load_photo(HEIC)


@pytest.mark.parametrize("cut", [12, 30, 200, 420, 450])
def test_damaged_heic(cut):
    pytest.importorskip("pi_heif")
    with pytest.raises(PhotoError):
        load_photo(HEIC[:cut])


@pytest.mark.parametrize(
    ("min_side", "size"),
    [
        (1, (200, 150)),
        (150, (200, 150)),
        (151, (400, 300)),
        (256, (400, 300)),
        (301, (800, 600)),
        (601, (1600, 1200)),
        (1200, (1600, 1200)),
        (5000, (1600, 1200)),
    ],
)
def test_large_jpeg_is_decoded_at_a_fraction(min_side, size):
    data = encode(plain((200, 40, 60), size=(1600, 1200)), "JPEG")
    picture = load_photo(data, min_side=min_side)
    assert picture.size == size
    assert near(picture.getpixel((5, 5)), (200, 40, 60), 3)
    assert load_photo(data).size == (1600, 1200)


def test_reduced_jpeg_never_falls_below_the_side(rng):
    for width, height, min_side in rng.integers((64, 64, 8), (700, 700, 300), (30, 3)).tolist():
        picture = load_photo(encode(plain(BLUE, size=(width, height)), "JPEG"), min_side=min_side)
        short = min(width, height)
        assert min(picture.size) >= min(short, min_side)
        assert (picture.size != (width, height)) == (short >= 2 * min_side)


def test_reduced_jpeg_is_upright():
    upright = quadrants().repeat(20, axis=0).repeat(20, axis=1)
    picture = load_photo(encode(stored_as(upright, 6), "JPEG", exif=exif_with(6)), min_side=100)
    assert picture.size == (200, 120)
    assert near(picture.getpixel((10, 10)), RED, 8)
    assert near(picture.getpixel((190, 10)), GREEN, 8)


def test_only_jpeg_is_reduced():
    assert load_photo(encode(plain(RED, size=(800, 600)), "PNG"), min_side=64).size == (800, 600)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated(kind, share, rng):
    data = encode(Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)), kind)
    with pytest.raises(PhotoError, match=r"^cut\.x: "):
        load_photo(data[: int(share * len(data))], name="cut.x")


def zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photo.jpg", encode(plain(RED), "JPEG"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"just some text, not a photo\n" * 20,
        b"\0" * 500,
        b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
        encode(plain(RED), "PDF"),
        encode(plain(RED), "EPS"),
        encode(plain(RED), "ICO"),
        encode(plain(RED), "TGA"),
        zip_bytes(),
    ],
    ids=["letter", "text", "zeros", "pdf", "svg", "eps", "real pdf", "real eps", "ico", "tga", "zip"],
)
def test_not_a_photo(data, tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(data)
    with pytest.raises(PhotoError, match="not a photo") as caught:
        load_photo(file)
    assert caught.value.path == str(file)


@pytest.mark.parametrize("header", [png_header, bmp_header])
@pytest.mark.parametrize(
    "size", [(8000, 5001), (7000, 6000), (10_000, 9_500), (20_000, 15_000), (2**31 - 1, 2**31 - 1)]
)
def test_a_small_file_that_claims_too_many_pixels(header, size):
    with pytest.raises(PhotoError, match="limit of 40 megapixels"):
        load_photo(header(*size))


def test_a_smaller_limit_of_pixels():
    data = encode(plain(RED, size=(40, 30)), "PNG")
    assert load_photo(data, max_pixels=1200).size == (40, 30)
    with pytest.raises(PhotoError, match="40×30 is more than the limit"):
        load_photo(data, max_pixels=1199)


def test_40_megapixels_are_not_too_many():
    with pytest.raises(PhotoError, match="damaged or truncated"):
        load_photo(png_header(8000, 5000))


@pytest.mark.parametrize("turned", [False, True])
def test_narrow_strips(turned):
    widest, too_wide = (3 * MAX_ASPECT, 3), (3 * MAX_ASPECT + 1, 3)
    if turned:
        widest, too_wide = widest[::-1], too_wide[::-1]
    assert load_photo(encode(plain(RED, size=widest), "PNG")).size == widest
    with pytest.raises(PhotoError, match="too narrow: at most 64 times"):
        load_photo(encode(plain(RED, size=too_wide), "PNG"))


def test_empty(tmp_path):
    (tmp_path / "empty.jpg").touch()
    for source in (b"", tmp_path / "empty.jpg"):
        with pytest.raises(PhotoError, match="the file is empty"):
            load_photo(source)


def test_missing(tmp_path):
    with pytest.raises(PhotoError, match="no such file"):
        load_photo(tmp_path / "nowhere" / "photo.jpg")


def test_folder(tmp_path):
    with pytest.raises(PhotoError, match="not a regular file"):
        load_photo(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_hang(tmp_path):
    pipe = tmp_path / "photo.jpg"
    os.mkfifo(pipe)
    reasons = []

    def load() -> None:
        try:
            load_photo(pipe)
        except PhotoError as error:
            reasons.append(error.reason)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(5)
    assert reasons == ["not a regular file"]


def test_a_file_of_too_many_bytes_is_not_read(tmp_path, monkeypatch):
    file = tmp_path / "huge.jpg"
    with open(file, "wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))
    with pytest.raises(PhotoError, match="more than the limit of 256 MiB"):
        load_photo(file)


def test_too_many_bytes(monkeypatch):
    data = encode(plain(RED), "PNG")
    monkeypatch.setattr(photo, "MAX_BYTES", len(data))
    assert load_photo(data).size == (32, 24)
    with pytest.raises(PhotoError, match="more than the limit"):
        load_photo(data + b"\0")


@pytest.mark.parametrize("path", ["a\0b.jpg", "\0", "x" * 5000])
def test_a_path_that_cannot_exist(path):
    with pytest.raises(PhotoError) as caught:
        load_photo(path)
    assert caught.value.path == path


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    file = tmp_path / "private.png"
    file.write_bytes(encode(plain(RED), "PNG"))
    file.chmod(0)
    with pytest.raises(PhotoError, match="cannot be read"):
        load_photo(file)


def test_errors_call_the_photo_by_its_name(tmp_path):
    for source, options, name in (
        (b"text", {}, "photo"),
        (b"text", {"name": "upload 3"}, "upload 3"),
        (tmp_path / "a.jpg", {}, str(tmp_path / "a.jpg")),
        (tmp_path / "a.jpg", {"name": "a.jpg"}, "a.jpg"),
    ):
        with pytest.raises(PhotoError) as caught:
            load_photo(source, **options)
        assert caught.value.path == name
        assert str(caught.value) == f"{name}: {caught.value.reason}"
        assert "\n" not in str(caught.value)


def test_running_out_of_memory_is_an_error_of_the_photo(monkeypatch):
    def no_memory(*_: object) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(photo, "_decode", no_memory)
    with pytest.raises(PhotoError, match="not enough memory"):
        load_photo(encode(plain(RED), "JPEG"))


def test_suffixes_are_lower_case_with_a_dot():
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tiff", ".avif", ".heic"} <= PHOTO_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in PHOTO_SUFFIXES)


def small_photos() -> list[bytes]:
    noise = np.random.default_rng(3).integers(0, 256, (9, 12, 3), np.uint8)
    picture = Image.fromarray(noise)
    frames = {"save_all": True, "append_images": [plain(BLUE, size=(12, 9))]}
    return [
        encode(picture, "JPEG", exif=exif_with(6)),
        encode(picture, "JPEG", progressive=True),
        encode(picture.convert("CMYK"), "JPEG"),
        encode(picture, "PNG", exif=exif_with(5)),
        encode(picture.convert("P"), "PNG", transparency=bytes(range(100))),
        encode(picture, "GIF", **frames),
        encode(picture, "WEBP", **frames),
        encode(picture.convert("RGBA"), "WEBP", lossless=True),
        encode(picture, "TIFF", exif=exif_with(8)),
        encode(picture, "TIFF", compression="tiff_lzw"),
        encode(picture.convert("F"), "TIFF"),
    ]


def mutate(data: bytes, edits: list[tuple[str, float, int]]) -> bytes:
    changed = bytearray(data)
    for kind, share, value in edits:
        place = int(share * len(changed))
        if kind == "set" and place < len(changed):
            changed[place] = value
        elif kind == "insert":
            changed.insert(place, value)
        elif kind == "drop":
            del changed[place : place + 1 + value // 16]
        elif kind == "repeat":
            changed[place:place] = changed[place : place + value]
        elif kind == "cut":
            del changed[max(place, 8) :]
    return bytes(changed)


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "set", "insert", "drop", "repeat", "cut"]), st.floats(0, 1), st.integers(0, 255)
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(small_photos()), EDITS, st.sampled_from([None, 4, 64]))
def test_hostile_bytes_give_a_picture_or_an_error_of_the_photo(data, edits, min_side):
    try:
        picture = load_photo(mutate(data, edits), min_side=min_side)
    except PhotoError:
        return
    assert picture.mode == "RGB"
    assert np.asarray(picture).shape == (picture.height, picture.width, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
def test_each_byte_damaged_alone(kind):
    data = encode(plain((200, 40, 60), size=(5, 4)), kind)
    outcomes = set()
    for place in range(len(data)):
        try:
            picture = load_photo(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        except PhotoError:
            outcomes.add("error")
        else:
            outcomes.add(picture.mode)
    assert outcomes == {"error", "RGB"}
