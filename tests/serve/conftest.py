"""A service in this process for most tests, and one server process for all that need a real one."""

import os
import queue
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from recyclenet.predictor import Predictor
from recyclenet.rules import default_rules
from recyclenet.serve.answer import Answerer
from recyclenet.serve.app import build_app
from recyclenet.serve.feedback import FeedbackStore
from recyclenet.serve.hosts import Hosts
from recyclenet.serve.limits import Limits
from recyclenet.serve.service import Service
from tests.conftest import REPOSITORY

NETWORK = Hosts(is_private=False)


@pytest.fixture(scope="session")
def predictor():
    return Predictor(threads=1)


@pytest.fixture
def photo(trashnet):
    return (trashnet / "dataset-resized/glass/glass12.jpg").read_bytes()


@pytest.fixture
def make_client(predictor):
    """A client of a service with these limits; closed, and the service with it, when the test ends."""
    clients = []

    def make_client(*, api_key=None, feedback=None, model=None, hosts=NETWORK, **limits):
        limits = Limits(**limits)
        answerer = Answerer(model or predictor, default_rules(), limits.pixels)
        store = None if feedback is None else FeedbackStore(feedback, predictor.classes, limits.feedback_bytes)
        service = Service(answerer, limits, hosts, api_key, store)
        client = TestClient(build_app(service), raise_server_exceptions=False)
        client.service = service
        client.__enter__()
        clients.append(client)
        return client

    yield make_client
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(make_client):
    return make_client()


class ServerProcess:
    """`recyclenet serve` on a free port; `address` is what it printed."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "recyclenet", "serve", "--port", "0", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}", "PYTHONUNBUFFERED": "1"},
        )
        line = self._first_line()
        self.address = re.search(r"http://\S+", line).group()
        self.port = int(self.address.rpartition(":")[2])

    def _first_line(self):
        lines = queue.Queue()
        threading.Thread(target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()
        line = lines.get(timeout=180)
        assert line, self.process.stderr.read()
        return line

    def end(self):
        self.process.terminate()
        return self.wait()

    def wait(self):
        """(exit code, what it printed after the first line, standard error) once it has ended."""
        output = self.process.communicate(timeout=180)
        return self.process.returncode, *output


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    feedback = Path(tmp_path_factory.mktemp("feedback"))
    started = ServerProcess("--workers", 1, "--queue", 3, "--feedback", feedback)
    started.feedback = feedback
    yield started
    started.end()
