"""A real server process: its start, load and end."""

import http.client
import json
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from unittest.mock import Mock

import pytest

from recyclenet.serve.server import ImpatientH11, address_of, is_private, listen, make_server
from tests.conftest import REPOSITORY
from tests.serve.conftest import ServerProcess
from tests.serve.test_busy import wait_until


def ready(server):
    end = time.monotonic() + 120
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
        connection.close()
        if status == 200:
            return
        assert time.monotonic() < end
        time.sleep(0.1)


def test_under_more_load_than_it_takes_there_are_only_503_and_memory_stays_flat(server, photo):
    load = runpy.run_path(str(REPOSITORY / "results" / "serve" / "load.py"))["load"]
    ready(server)
    load(server.address, [photo], 30, 8)
    figures = load(server.address, [photo], 60, 8, server.process.pid)
    assert figures["errors"] == []
    assert figures["statuses"].keys() == {"200", "503"}
    assert sum(figures["statuses"].values()) == 60
    assert figures["ms"]["p50"] <= figures["ms"]["p95"] <= figures["ms"]["p99"]
    memory = figures["memory_kib"]
    assert memory["after"] - memory["before"] < 16 * 1024


def test_a_server_for_this_machine_alone_goes_by_no_other_name(server):
    ready(server)
    for host, status in (("evil.example", 403), ("192.168.1.20", 403), (f"localhost:{server.port}", 200)):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        connection.request("GET", "/v1/model", headers={"Host": host})
        assert connection.getresponse().status == status
        connection.close()


def test_no_torch_in_the_process(server):
    ready(server)
    with open(f"/proc/{server.process.pid}/maps") as maps:
        loaded = maps.read()
    assert "onnxruntime" in loaded
    assert "torch" not in loaded


def test_the_rest_of_a_refused_body_is_not_kept_and_the_answer_arrives(server):
    ready(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("POST", "/v1/classify", iter([bytes(1_000_000)] * 23), {"Content-Type": "image/jpeg"})
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["status"] == 413
    connection.close()


def test_sigterm_lets_requests_end(photo):
    server = ServerProcess("--workers", 1)
    ready(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.putrequest("POST", "/v1/classify")
    connection.putheader("Content-Type", "image/jpeg")
    connection.putheader("Content-Length", str(len(photo)))
    connection.endheaders()
    connection.send(photo[:3000])
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    wait_for_closed_door(server.port)
    connection.send(photo[3000:])
    response = connection.getresponse()
    assert response.status == 200
    assert json.loads(response.read())["results"][0]["label"] == "glass"
    connection.close()
    assert server.wait() == (-signal.SIGTERM, "", "")


def wait_for_closed_door(port):
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=60).close()
        except ConnectionError:
            return
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_what_the_description_promises_holds(server, tmp_path):
    """Requests made from /openapi.json by a program that knows nothing else of the service."""
    ready(server)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.address}/openapi.json"),
            *("--checks", "all", "--max-examples", "30", "--seed", "1", "--no-color", "--continue-on-failure"),
            # No schema can say which bytes are a photo.
            *("--exclude-checks", "positive_data_acceptance"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert "6 selected / 6 total" in done.stdout


@pytest.fixture
def thread_server(make_client, monkeypatch):
    """A server in a thread of this process, with less patience and small buffers; `port` is where."""
    monkeypatch.setattr("recyclenet.serve.server._SILENCE_SECONDS", 1.0)
    monkeypatch.setattr("recyclenet.serve.server._LINGER_SECONDS", 1.0)
    monkeypatch.setattr("recyclenet.serve.server._READ_SECONDS", 0.2)
    monkeypatch.setattr("recyclenet.serve.server.MAX_CONNECTIONS", 3)
    with listen("127.0.0.1", 0) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        running = make_server(make_client(body_bytes=2000).app, 5)
        running.port = bound.getsockname()[1]
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield running
        running.should_exit = True
        thread.join()


HEAD = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"


@pytest.mark.parametrize(
    ("first", "then", "answers"),
    [
        (b"", b"", 0),
        (b"GET /healthz HTTP/1.1\r\nX-A: ", b"a", 0),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /", b"a", 1),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"800\r\n" + bytes(0x800) + b"\r\n", 1),
    ],
    ids=["silent", "endless header", "endless second header", "endless body"],
)
def test_connections_that_only_hold_a_place_are_closed(thread_server, first, then, answers):
    with socket.create_connection(("127.0.0.1", thread_server.port), timeout=60) as connection:
        connection.sendall(first)
        received = bytearray()
        connection.settimeout(0.05)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                connection.sendall(then)
                data = connection.recv(65_536)
                if not data:
                    break
                received += data
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("the connection was left open")
    assert received.count(b"HTTP/1.1 ") == answers


@pytest.mark.parametrize("count", [5, 40], ids=["all written", "too much to write at once"])
def test_a_client_that_does_not_read_is_cut_off(thread_server, count):
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", thread_server.port))
        client.sendall(b"GET /app.js HTTP/1.1\r\nHost: x\r\n\r\n" * count)
        wait_until(lambda: thread_server.server_state.connections)
        wait_until(lambda: not thread_server.server_state.connections)


def test_one_connection_too_many_is_closed_and_the_others_go_on(thread_server):
    def connect():
        return socket.create_connection(("127.0.0.1", thread_server.port), timeout=60)

    with connect() as first, connect(), connect(), connect() as last:
        assert last.recv(1) == b""
        first.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert first.recv(12) == b"HTTP/1.1 200"
    wait_until(lambda: not thread_server.server_state.connections)
    with connect() as again:
        again.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert again.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(("a_turn", "turns"), [(9_999, 1), (10_000, 10), (60_000, 2)])
def test_a_slow_reader_is_waited_for_and_one_that_drips_is_not(a_turn, turns):
    protocol = object.__new__(ImpatientH11)
    protocol.loop, protocol.transport = Mock(), Mock()
    left = 100_000
    protocol.transport.get_write_buffer_size = lambda: left
    protocol._expect_reading()
    seen = 0
    while not protocol.transport.abort.called:
        seconds, again, unread = protocol.loop.call_later.call_args.args
        assert seconds == 10
        left -= min(left, a_turn)
        again(unread)
        seen += 1
    assert seen == turns + (left == 0)


def test_a_port_that_is_taken(run):
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, out, err = run("serve", "--port", other.getsockname()[1])
    assert (code, out) == (2, "")
    assert err.startswith("error: cannot listen on 127.0.0.1, port ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", 70_000], "--port must lie between"),
        (["--host", "no.such.host.invalid"], "--host no.such.host.invalid"),
        (["--workers", 0], "workers must lie between"),
        (["--max-mib", 0], "most bytes"),
        (["--max-seconds", "nan"], "most seconds"),
        (["--allowed-host", "http://bins.example.org"], "--allowed-host takes a name"),
        (["--api-key", ""], "API key"),
        (["--api-key", "schlüssel"], "API key"),
        (["--port", 0, "--model", "none.onnx"], "no model at none.onnx"),
        (["--port", 0, "--rules", "mine"], "unknown rules"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message):
    code, _, err = run("serve", *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_without_the_extra(run, monkeypatch):
    monkeypatch.setattr("recyclenet.extras.find_spec", lambda name: None)
    code, _, err = run("serve")
    assert code == 2
    assert "pip install 'recyclenet[serve]'" in err


@pytest.mark.parametrize(
    ("host", "private", "address"),
    [("127.0.0.1", True, "http://127.0.0.1:"), ("0.0.0.0", False, "http://localhost:"), ("localhost", True, "http://")],
)
def test_who_can_reach_it(host, private, address):
    with listen(host, 0) as bound:
        assert is_private(bound) is private
        assert address_of(bound).startswith(address)
        assert not address_of(bound).endswith(":0")


def test_a_warning_where_everybody_is_let_in(run, monkeypatch):
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)  # it would answer for ever
    for arguments, warned in (
        (["--host", "0.0.0.0"], True),
        (["--host", "0.0.0.0", "--api-key", "k"], False),
        ([], False),
    ):
        code, out, err = run("serve", "--port", 0, *arguments)
        assert code == 0
        assert "RecycleNet is at http://" in out
        assert ("warning: everybody" in err) is warned


def test_the_other_commands_load_no_server():
    code = (
        "import sys; from recyclenet.cli.app import create_app; create_app([])\n"
        "loaded = {'fastapi', 'starlette', 'uvicorn', 'onnxruntime', 'torch'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
