"""`fetch_trashnet` from servers that stall, lie and send other things: one clear line, no damage, and it goes on."""

import re
import subprocess
import sys
import time

import pytest

from recyclenet.data import fetch
from recyclenet.data.download import download
from recyclenet.data.fetch import fetch_trashnet
from recyclenet.errors import RecycleNetError
from tests.data.test_download import CONTENT, LIMIT, Server, fails, part_of, ranged, server, target  # noqa: F401
from tests.data.test_fetch import LISTS, PHOTOS, WHOLE, check_whole, files_in, make_zip, small_manifest  # noqa: F401

ZIP, LIST = "dataset-resized.zip", "one-indexed-files-notrash_val.txt"


@pytest.fixture
def files(tmp_path):
    """What an honest server has, by name."""
    archive = make_zip(tmp_path / "honest.zip", PHOTOS)
    data = archive.read_bytes()
    archive.unlink()
    return {ZIP: data, **{name: text.encode() for name, text in LISTS.items()}}


def honest(files):
    """Sends files, or the parts of them that are asked for."""

    def answer(handler):
        body = files[handler.path.lstrip("/")]
        start = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            handler.send(416, b"", Content_Length=0)
        elif start:
            place = f"bytes {start}-{len(body) - 1}/{len(body)}"
            handler.send(206, body[start:], Content_Length=len(body) - start, Content_Range=place)
        else:
            handler.send(200, body, Content_Length=len(body))

    return answer


def sends(change, **headers):
    """The right file, changed."""
    return lambda handler, body: handler.send(200, change(body), **headers)


def shorter(handler, body):
    handler.send(200, body, Content_Length=len(body) - 7)


def longer(handler, body):
    handler.send(200, body, Content_Length=len(body) + 1000)


def stalls(handler, body):
    handler.send(200, body[: len(body) // 2], Content_Length=len(body))
    handler.server.released.wait(20)


def drips(handler, body):
    handler.send(200, body[:5], Content_Length=len(body))
    while not handler.server.released.wait(0.05):
        handler.wfile.write(body[5:6])


def breaks_off_a_chunk(handler, body):
    half = body[: len(body) // 2]
    handler.send(200, b"%x\r\n%b" % (len(body), half), Transfer_Encoding="chunked")


def nonsense_for_a_chunk(handler, body):
    handler.send(200, b"4\r\n%b\r\nnonsense\r\n" % body[:4], Transfer_Encoding="chunked")


def another_part(handler, body):
    handler.send(206, body[7:], Content_Length=len(body) - 7, Content_Range=f"bytes 7-{len(body) - 1}/{len(body)}")


def sent_on_to(place):
    return lambda handler, _: handler.send(302, b"", Location=place, Content_Length=0)


def in_circles(handler, _):
    handler.send(302, b"", Location=handler.path, Content_Length=0)


NO_ZIP = "is not a readable zip .*: it is removed, run it again"
GO_ON = "; what arrived is kept: run it again to go on"
MISBEHAVIOUR = {
    "stalls": (stalls, f"timed out.*{GO_ON}"),
    "drips": (drips, f"only [0-9]+ bytes in [0-9]+ s.*{GO_ON}"),
    "closes early": (
        sends(lambda body: body[:-9], Content_Length=5000),
        "ended after [0-9]+ of 5000 bytes; run it again",
    ),
    "closes at once": (lambda handler, _: None, f"closed connection without response.*{GO_ON}"),
    "closes early, without a length": (sends(lambda body: body[:-9]), NO_ZIP),
    "claims less than it sends": (shorter, NO_ZIP),
    "claims more than it sends": (longer, "ended after [0-9]+ of [0-9]+ bytes; run it again to go on"),
    "claims a length of 5,000 digits": (sends(lambda body: body[:9], Content_Length="9" * 5000), NO_ZIP),
    "claims a negative length": (sends(lambda body: body[:9], Content_Length=-5), NO_ZIP),
    "sends nothing": (sends(lambda _: b"", Content_Length=0), NO_ZIP),
    "breaks off a chunk": (breaks_off_a_chunk, f"IncompleteRead.*{GO_ON}"),
    "nonsense for a chunk": (nonsense_for_a_chunk, f"IncompleteRead.*{GO_ON}"),
    "another part": (another_part, "another part than asked for; run it again"),
    "other bytes": (sends(lambda body: bytes(len(body))), NO_ZIP),
    "a page in HTML": (sends(lambda _: b"<html>sign in</html>", Content_Type="text/html"), NO_ZIP),
    "compressed, unasked": (sends(lambda _: b"\x1f\x8b\x08rest", Content_Encoding="gzip"), NO_ZIP),
    "sent on to a file": (sent_on_to("file:///etc/passwd"), "answered 302 .*file:///etc/passwd' is not allowed"),
    "sent on to FTP": (sent_on_to("ftp://127.0.0.1:9/photos.zip"), "unknown url type: ftp"),
    "sent on to no address": (sent_on_to("http://[::1"), "Invalid IPv6 URL"),
    "sent on in circles": (in_circles, "answered 302 .*infinite loop.$"),
    "an error with a long story": (
        lambda handler, _: handler.send(500, b"x" * 1000),
        "answered 500 Internal Server Error$",
    ),
    "too many headers": (lambda handler, _: handler.send(200, b"", **{f"X{n}": n for n in range(200)}), "100 headers"),
    "a header too long": (lambda handler, _: handler.send(200, b"", X="x" * 70_000), "65536 bytes when reading header"),
}


@pytest.fixture
def impatient(monkeypatch):
    """Half a second of silence is enough; photos are too small to be sent fast."""
    monkeypatch.setattr(fetch, "download", lambda *given, **more: download(*given, timeout_s=0.5, **more))


@pytest.mark.usefixtures("small_manifest", "impatient")
@pytest.mark.parametrize("name", [ZIP, LIST])
@pytest.mark.parametrize("way", MISBEHAVIOUR)
def test_one_clear_line_no_damage_and_the_next_run_completes(way, name, server, files, tmp_path):  # noqa: F811
    base_url, out = server.url.removesuffix("photos.zip"), tmp_path / "out"
    misbehave, message = MISBEHAVIOUR[way]

    def misbehaves(handler):
        if handler.path == f"/{name}":
            misbehave(handler, files[name])
        else:
            honest(files)(handler)

    server.answer = misbehaves
    with pytest.raises(RecycleNetError) as caught:
        fetch_trashnet(out, base_url=base_url)
    assert str(caught.value).isprintable()
    assert re.search(message, str(caught.value)) or (
        name == LIST and "the lists were not kept: run it" in str(caught.value)
    )
    left = files_in(out)
    assert left <= {*WHOLE, f"{ZIP}.part", f"{LIST}.part"} - {"splits.csv", *([LIST] if name == LIST else [])}
    assert all((out / path).read_bytes() == PHOTOS[path] for path in left & PHOTOS.keys())

    server.answer = honest(files)
    server.ranges.clear()
    for _ in range(2):  # a kept beginning that was of no use takes one run to find out
        try:
            fetch_trashnet(out, base_url=base_url)
            break
        except RecycleNetError:
            continue
    check_whole(out)


@pytest.mark.usefixtures("small_manifest", "impatient")
def test_what_arrived_is_not_fetched_again(server, files, tmp_path):  # noqa: F811
    base_url, out, half = server.url.removesuffix("photos.zip"), tmp_path / "out", len(files[ZIP]) // 2
    server.answer = lambda handler: stalls(handler, files[ZIP])
    with pytest.raises(RecycleNetError, match=r"timed out.*what arrived is kept: run it again to go on"):
        fetch_trashnet(out, base_url=base_url)
    assert files_in(out) == {f"{ZIP}.part"}
    server.answer = honest(files)
    server.ranges.clear()
    server.sent.clear()
    fetch_trashnet(out, base_url=base_url)
    check_whole(out)
    assert (server.ranges[0], server.sent[0]) == (f"bytes={half}-", len(files[ZIP]) - half)


@pytest.mark.usefixtures("small_manifest", "impatient")
def test_a_beginning_of_another_file_is_found_out(server, files, tmp_path):  # noqa: F811
    base_url, out = server.url.removesuffix("photos.zip"), tmp_path / "out"
    out.mkdir()
    (out / f"{ZIP}.part").write_bytes(bytes(len(files[ZIP]) - 10))
    server.answer = honest(files)
    with pytest.raises(RecycleNetError, match=r"is not a readable zip .*: it is removed, run it again"):
        fetch_trashnet(out, base_url=base_url)
    assert files_in(out) == set()
    fetch_trashnet(out, base_url=base_url)
    check_whole(out)


def test_a_killed_download_goes_on(server, target):  # noqa: F811
    def half(handler):
        handler.send(200, CONTENT[:400_000], Content_Length=len(CONTENT))
        handler.server.released.wait(30)

    server.answer = half
    code = f"from pathlib import Path; from recyclenet.data.download import download; download({server.url!r}, "
    words = [sys.executable, "-c", f"{code} Path({str(target)!r}), max_bytes={LIMIT})"]
    with subprocess.Popen(words) as process:
        deadline = time.monotonic() + 60
        while not part_of(target).exists() or part_of(target).stat().st_size < 300_000:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    kept = part_of(target).read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert not target.exists()
    server.answer = ranged
    download(server.url, target, max_bytes=LIMIT)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={len(kept)}-"]


def test_a_slow_server_is_not_a_dripping_one(server, target):  # noqa: F811
    def slow(handler):
        handler.send(200, b"", Content_Length=len(CONTENT))
        for start in range(0, len(CONTENT), 100_000):
            handler.wfile.write(CONTENT[start : start + 100_000])
            time.sleep(0.1)

    server.answer = slow
    download(server.url, target, max_bytes=LIMIT, timeout_s=0.3)
    assert target.read_bytes() == CONTENT
