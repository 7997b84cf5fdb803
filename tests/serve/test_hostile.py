"""What must never get in, or only as far as its limit."""

import io
import struct
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.serve.test_api import JPEG, assert_problem

FUZZ = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FORM = "multipart/form-data; boundary=xx"


def png(width, height, pixels=b""):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "no photo came"),
        (b"\xff\xd8\xff", "not a photo|damaged"),
        (b"GIF89a/*<script>alert(1)</script>*/", "not a photo|damaged"),
        (b"%PDF-1.4\n", "not a photo"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a photo"),
        (b"PK\x03\x04" + bytes(100), "not a photo"),
        (png(60_000, 60_000), "megapixels"),
        (png(9000, 9000), "megapixels"),
        (png(5000, 2), "too narrow"),
    ],
)
def test_what_is_no_usable_photo_is_a_problem(client, body, reason):
    detail = assert_problem(client.post("/v1/classify", content=body, headers=JPEG), 422)
    assert any(part in detail for part in reason.split("|"))


def test_a_truncated_photo(client, photo):
    assert "truncated" in assert_problem(client.post("/v1/classify", content=photo[:5000], headers=JPEG), 422)


def test_the_limit_of_pixels_is_the_servers(make_client, photo):
    client = make_client(pixels=100_000)
    assert "0.1 megapixels" in assert_problem(client.post("/v1/classify", content=photo, headers=JPEG), 422)


def chunks(size, count, read):
    for _ in range(count):
        read.append(size)
        yield bytes(size)


def test_a_body_without_a_length_is_cut_off_at_the_limit(make_client):
    client = make_client(body_bytes=50_000)
    assert_problem(client.post("/v1/classify", content=bytes(50_001), headers=JPEG), 413)
    assert_problem(client.post("/v1/classify", content=bytes(50_000), headers=JPEG), 422)  # read, but no photo
    response = client.post("/v1/classify", content=chunks(10_000, 20, []), headers=JPEG)
    assert "content-length" not in response.request.headers
    assert_problem(response, 413)
    lying = {**JPEG, "Content-Length": "9" * 4000}
    assert_problem(client.post("/v1/classify", content=iter([b"x"]), headers=lying), 413)


def test_too_many_files_and_fields(make_client, photo):
    client = make_client(files=2)
    assert client.post("/v1/classify", files=[("f", ("a", photo))] * 2).status_code == 200
    assert "2 files" in assert_problem(client.post("/v1/classify", files=[("f", ("a", b"x"))] * 3), 413)
    fields = {f"n{number}": "x" for number in range(17)}
    assert "fields" in assert_problem(client.post("/v1/classify", files={"f": ("a", photo)}, data=fields), 413)


def test_forms_without_a_file(client):
    empty = b'--xx\r\nContent-Disposition: form-data; name="f"; filename=""\r\n\r\n\r\n--xx--\r\n'
    for body in (b"--xx--\r\n", empty, empty.replace(b'; filename=""', b"")):
        assert "no photo" in assert_problem(
            client.post("/v1/classify", content=body, headers={"Content-Type": FORM}), 422
        )


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("multipart/form-data", b"--xx--", "boundary"),
        ("multipart/form-data; boundary=" + 300 * "x", b"--xx--", "damaged"),
        (FORM, b"nonsense", "damaged"),
        (FORM, b'--xx\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nhalf', "truncated"),
        (FORM, b"--xx\r\n" + b"a" * 100_000, "damaged"),
    ],
)
def test_damaged_forms(client, content_type, body, reason):
    response = client.post("/v1/classify", content=body, headers={"Content-Type": content_type})
    assert reason in assert_problem(response, 422)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/html"},
        {"Content-Type": "image/jpeg", "Content-Encoding": "gzip"},
    ],
)
def test_media_types_that_no_photo_has(client, photo, headers):
    assert_problem(client.post("/v1/classify", content=photo, headers=headers), 415)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\x", "a\u202eb.jpg", "x" * 2000, "<script>"])
def test_a_files_name_is_only_ever_shown(make_client, tmp_path, photo, name):
    client = make_client(feedback=tmp_path / "kept")
    shown = client.post("/v1/classify", files={"file": (name, photo)}).json()["results"][0]["name"]
    assert len(shown) <= 200
    assert shown.isprintable()
    assert client.post("/v1/feedback?label=glass", files={"file": (name, photo)}).status_code == 201
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.parent for path in written] == [tmp_path / "kept" / "glass"]
    assert len(written[0].stem) == 64


def test_what_hides_behind_a_photo_is_not_kept(make_client, tmp_path, photo):
    client = make_client(feedback=tmp_path)
    with Image.open(io.BytesIO(photo)) as opened:
        exif = Image.Exif()
        exif[0x010E] = "SECRET PLACE"
        buffer = io.BytesIO()
        opened.save(buffer, "JPEG", exif=exif, comment=b"SECRET NOTE")
    body = buffer.getvalue() + b"PK\x03\x04 SECRET ARCHIVE <script>"
    assert client.post("/v1/feedback?label=glass", content=body, headers=JPEG).status_code == 201
    (written,) = tmp_path.rglob("*.jpg")
    assert b"SECRET" not in written.read_bytes()


@FUZZ
@given(
    body=st.binary(max_size=2000), kind=st.sampled_from(["image/png", "application/octet-stream", FORM, "", "text/x"])
)
def test_no_bytes_break_it(client, body, kind):
    response = client.post("/v1/classify", content=body, headers={"Content-Type": kind})
    assert_problem(response, 415 if kind == "text/x" else 422)


@FUZZ
@given(data=st.data())
def test_no_damage_to_a_form_with_a_photo_breaks_it(client, photo, data):
    head = b'--xx\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = bytearray(head + photo + b"\r\n--xx--\r\n")
    near = st.integers(0, len(head) + 700) | st.integers(len(body) - 30, len(body) - 1)
    for place in data.draw(st.lists(near, min_size=1, max_size=5)):
        body[place] = data.draw(st.integers(0, 255))
    response = client.post("/v1/classify", content=bytes(body), headers={"Content-Type": FORM})
    if response.status_code != 200:
        assert_problem(response, 422)


@FUZZ
@given(data=st.data())
def test_every_status_is_one_that_the_description_lists(client, data):
    openapi = client.get("/openapi.json").json()
    path = data.draw(st.sampled_from(sorted(openapi["paths"])))
    method = data.draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]))
    query = data.draw(st.dictionaries(st.sampled_from(["pictures", "label", "x"]), st.text(max_size=8)))
    header = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20)
    names = st.sampled_from(["Content-Type", "Authorization", "X-API-Key", "Origin", "Accept", "Content-Encoding"])
    headers = {
        name: value.strip().encode("latin-1") for name, value in data.draw(st.dictionaries(names, header)).items()
    }
    response = client.request(method, path, params=query, headers=headers, content=data.draw(st.binary(max_size=50)))
    operation = openapi["paths"][path].get(method.lower())
    assert str(response.status_code) in (operation["responses"] if operation else ["405"]), response.text
    if response.status_code >= 400:
        assert_problem(response, response.status_code)
