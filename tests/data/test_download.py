import contextlib
import gc
import http.server
import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recyclenet.data.download import download
from recyclenet.errors import RecycleNetError

CONTENT = random.Random(3).randbytes(700_000)  # several of the chunks that the download reads
LIMIT = 1_000_000


class Handler(http.server.BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        with contextlib.suppress(OSError):
            self.server.answer(self)

    def send(self, status: int, body: bytes, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.server.sent.append(len(body))
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


Answer = Callable[[Handler], None]


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Answer = whole
        self.ranges: list[str | None] = []
        self.sent: list[int] = []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/photos.zip"


def whole(handler: Handler) -> None:
    handler.send(200, CONTENT, Content_Length=len(CONTENT))


def ranged(handler: Handler) -> None:
    wanted = handler.headers.get("Range")
    if wanted is None:
        return whole(handler)
    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    body = CONTENT[start:]
    place = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    return handler.send(206, body, Content_Length=len(body), Content_Range=place)


def cut(at: int) -> Answer:
    return lambda handler: handler.send(200, CONTENT[:at], Content_Length=len(CONTENT))


def stall(at: int) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send(200, CONTENT[:at], Content_Length=len(CONTENT))
        handler.server.released.wait(20)

    return answer


def status(code: int) -> Answer:
    return lambda handler: handler.send(code, b"no", Content_Length=2)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    gc.freeze()  # to look through all of torch for a connection takes a second
    yield made
    made.released.set()
    made.shutdown()
    thread.join()
    made.server_close()
    gc.collect()  # a connection that was left open shows here, not in a later test
    gc.unfreeze()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "photos.zip"


def part_of(target: Path, data: bytes | None = None) -> Path:
    part = target.with_name("photos.zip.part")
    if data is not None:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
    return part


def fails(server: Server, target: Path, message: str, **options) -> str:
    with pytest.raises(RecycleNetError, match=message) as caught:
        download(server.url, target, **{"max_bytes": LIMIT, "timeout_s": 10, **options})
    assert not target.exists()
    assert server.url in str(caught.value)
    return str(caught.value)


def test_whole_file(server: Server, target: Path) -> None:
    assert download(server.url, target, max_bytes=LIMIT) == target
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["photos.zip"]
    assert server.ranges == [None]


def test_progress_is_told_to_the_end(server: Server, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    download(server.url, target, max_bytes=LIMIT, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_progress_without_a_length(server: Server, target: Path) -> None:
    server.answer = lambda handler: handler.send(200, CONTENT)
    told: list[tuple[int, int | None]] = []
    download(server.url, target, max_bytes=LIMIT, on_progress=lambda done, total: told.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), None)


@pytest.mark.parametrize("start", [1, 300_000, len(CONTENT) - 1])
def test_a_part_is_gone_on_with(server: Server, target: Path, start: int) -> None:
    server.answer = ranged
    part_of(target, CONTENT[:start])
    told: list[tuple[int, int | None]] = []
    download(server.url, target, max_bytes=LIMIT, on_progress=lambda done, total: told.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()
    assert server.ranges == [f"bytes={start}-"]
    assert server.sent == [len(CONTENT) - start]
    assert told[0][0] > start
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_server_without_ranges_starts_anew(server: Server, target: Path) -> None:
    part_of(target, b"of another file")
    download(server.url, target, max_bytes=LIMIT)
    assert server.ranges == ["bytes=15-"]
    assert target.read_bytes() == CONTENT


def test_an_empty_part_asks_for_the_whole(server: Server, target: Path) -> None:
    server.answer = ranged
    part_of(target, b"")
    download(server.url, target, max_bytes=LIMIT)
    assert server.ranges == [None]
    assert target.read_bytes() == CONTENT


def test_cut_off_and_gone_on_with(server: Server, target: Path) -> None:
    server.answer = cut(450_000)
    fails(server, target, "ended after 450000 of 700000 bytes; run it again to go on")
    assert part_of(target).read_bytes() == CONTENT[:450_000]

    server.answer = ranged
    download(server.url, target, max_bytes=LIMIT)
    assert server.ranges == [None, "bytes=450000-"]
    assert server.sent == [450_000, 250_000]
    assert target.read_bytes() == CONTENT


def test_cut_off_while_going_on(server: Server, target: Path) -> None:
    part_of(target, CONTENT[:200_000])
    server.answer = lambda handler: handler.send(
        206, CONTENT[200_000:300_000], Content_Length=500_000, Content_Range="bytes 200000-699999/700000"
    )
    fails(server, target, "ended after 300000 of 700000 bytes")
    assert part_of(target).read_bytes() == CONTENT[:300_000]


@pytest.mark.parametrize("at", [0, 300_000])
def test_a_silent_server_is_given_up_and_what_arrived_is_kept(server: Server, target: Path, at: int) -> None:
    server.answer = stall(at)
    fails(server, target, "cannot be fetched .*timed out.*run it again to go on", timeout_s=0.3)
    assert part_of(target).read_bytes() == CONTENT[:at]


@pytest.mark.parametrize("code", [403, 404, 500, 503])
def test_error_statuses(server: Server, target: Path, code: int) -> None:
    server.answer = status(code)
    part_of(target, CONTENT[:1000])
    fails(server, target, f"the server answered {code} ")
    assert part_of(target).read_bytes() == CONTENT[:1000]


def test_a_part_that_the_server_finds_too_long_is_removed(server: Server, target: Path) -> None:
    server.answer = status(416)
    part_of(target, CONTENT + b"!")
    fails(server, target, "the partial download was of no use and is removed; run it again")
    assert not part_of(target).exists()


def unsatisfiable(content_range: str) -> Answer:
    return lambda handler: handler.send(416, b"", Content_Length=0, Content_Range=content_range)


def test_a_part_that_is_the_whole_is_taken(server: Server, target: Path) -> None:
    """Killed between the last byte and the renaming."""
    server.answer = unsatisfiable(f"bytes */{len(CONTENT)}")
    part_of(target, CONTENT)
    assert download(server.url, target, max_bytes=LIMIT) == target
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_whole_part_counts_towards_the_limit(server: Server, target: Path) -> None:
    server.answer = unsatisfiable(f"bytes */{len(CONTENT)}")
    part_of(target, CONTENT)
    fails(server, target, "is larger than the 650000 bytes", max_bytes=650_000)
    assert not part_of(target).exists()


@pytest.mark.parametrize("content_range", [f"bytes */{len(CONTENT) - 1}", "bytes */*", "bytes 0-1/700000", "", "*/"])
def test_a_part_of_another_length_than_the_file_is_removed(server: Server, target: Path, content_range: str) -> None:
    server.answer = unsatisfiable(content_range)
    part_of(target, CONTENT)
    fails(server, target, "the partial download was of no use and is removed; run it again")
    assert not part_of(target).exists()


def test_no_range_asked_for_and_none_satisfiable(server: Server, target: Path) -> None:
    server.answer = status(416)
    fails(server, target, "416|run it again")


def test_another_range_than_asked_for(server: Server, target: Path) -> None:
    part_of(target, CONTENT[:1000])
    server.answer = lambda handler: handler.send(
        206, CONTENT[10_000:], Content_Length=len(CONTENT) - 10_000, Content_Range="bytes 10000-699999/700000"
    )
    fails(server, target, "answered with another part than asked for; run it again")
    assert not part_of(target).exists()


def test_a_range_that_was_not_asked_for(server: Server, target: Path) -> None:
    server.answer = lambda handler: handler.send(
        206, CONTENT[500:], Content_Length=len(CONTENT) - 500, Content_Range="bytes 500-699999/700000"
    )
    fails(server, target, "another part than asked for")


@pytest.mark.parametrize("headers", [{}, {"Content_Length": len(CONTENT)}])
def test_more_than_the_limit_is_refused(server: Server, target: Path, headers: dict[str, object]) -> None:
    server.answer = lambda handler: handler.send(200, CONTENT, **headers)
    fails(server, target, "is larger than the 699999 bytes expected at most", max_bytes=len(CONTENT) - 1)
    assert not part_of(target).exists()


def test_exactly_the_limit_is_not_refused(server: Server, target: Path) -> None:
    download(server.url, target, max_bytes=len(CONTENT))
    assert target.read_bytes() == CONTENT


def test_a_part_counts_towards_the_limit(server: Server, target: Path) -> None:
    server.answer = ranged
    part_of(target, CONTENT[:600_000])
    fails(server, target, "is larger than the 650000 bytes", max_bytes=650_000)
    assert not part_of(target).exists()


def test_an_endless_answer_stops_at_the_limit(server: Server, target: Path) -> None:
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(10_000):
            handler.wfile.write(CONTENT)
            handler.server.sent.append(len(CONTENT))

    server.answer = endless
    fails(server, target, "is larger than")
    assert len(server.sent) < 100


def test_an_answer_that_is_not_http(target: Path, not_http: str) -> None:
    with pytest.raises(RecycleNetError, match="cannot be fetched"):
        download(f"{not_http}x", target, max_bytes=LIMIT, timeout_s=10)
    assert not target.exists()


def test_nobody_listens(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    part_of(target, CONTENT[:1000])
    with pytest.raises(RecycleNetError, match=rf"127\.0\.0\.1:{port}/x cannot be fetched \(.*refused.*or use --from"):
        download(f"http://127.0.0.1:{port}/x", target, max_bytes=LIMIT, timeout_s=10)
    assert part_of(target).read_bytes() == CONTENT[:1000]
    assert not target.exists()


@pytest.mark.parametrize("start", ["file://", "ftp://127.0.0.1", "data:,", "", "HTTP//"])
def test_other_addresses_are_refused(tmp_path: Path, target: Path, start: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with pytest.raises(RecycleNetError, match="only http and https addresses can be fetched"):
        download(f"{start}{secret.as_posix()}", target, max_bytes=LIMIT)
    assert not target.exists()
    assert not part_of(target).exists()


def test_a_redirect_to_a_file_is_refused(server: Server, tmp_path: Path, target: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    server.answer = lambda handler: handler.send(302, b"", Location=secret.as_uri(), Content_Length=0)
    fails(server, target, "302")


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RecycleNetError, match="cannot make the folder"):
        download(server.url, tmp_path / "taken" / "photos.zip", max_bytes=LIMIT)
    assert server.ranges == []
