"""Shared by all tests: where TrashNet is, small made-up photo folders, and no network for anybody."""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recyclenet.cli import main
from tests.browser import CHROMIUM, FLAGS, PATIENCE_MS

os.environ["HF_HUB_OFFLINE"] = "1"
# Tiny networks on tiny pictures: more threads only wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

REPOSITORY = Path(__file__).resolve().parents[1]
# A fifth of the whole time by itself: begun last, one worker would be left with it while the others have nothing to do.
FIRST = "test_every_command_does_what_the_readme_says"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.name != FIRST)


@pytest.fixture(scope="session")
def trashnet() -> Path:
    """TrashNet's folder; tests skip without it, unless RECYCLENET_REQUIRE_TRASHNET says that they must run."""
    for candidate in (os.environ.get("RECYCLENET_TRASHNET"), REPOSITORY.parent / "shared" / "data" / "trashnet"):
        if candidate and (Path(candidate) / "dataset-resized").is_dir():
            return Path(candidate)
    if os.environ.get("RECYCLENET_REQUIRE_TRASHNET"):
        pytest.fail("TrashNet is required here (RECYCLENET_REQUIRE_TRASHNET) but was not found")
    pytest.skip("no TrashNet: set RECYCLENET_TRASHNET to its folder")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process: (exit code, standard output, standard error)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["recyclenet", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture
def bottle(trashnet: Path) -> Path:
    """A photo of a glass bottle."""
    return trashnet / "dataset-resized/glass/glass12.jpg"


# Not for the whole session: while it is open no test in this process can start an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium under Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS)
        yield opened
        opened.close()


@pytest.fixture
def not_http(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that answers one request, but not in HTTP."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(65_536)
                client.sendall(b"SSH-2.0-what\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches beyond this machine fails; local servers are allowed."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else address
        if isinstance(address, tuple) and host not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"tests may not connect to {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


def save_photo(
    path: Path, colour: tuple[int, int, int], rng: np.random.Generator, size: tuple[int, int] = (96, 72)
) -> None:
    """A noisy photo of one colour: easy to tell apart, never twice the same."""
    noise = rng.integers(-30, 30, (size[1], size[0], 3))
    pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


COLOURS = {"glass": (60, 160, 80), "paper": (230, 230, 225), "metal": (120, 125, 135)}


def save_class_folders(root: Path, rng: np.random.Generator) -> Path:
    """Three class folders with 20 photos each, not split."""
    for label, colour in COLOURS.items():
        for number in range(20):
            save_photo(root / label / f"{label}{number}.jpg", colour, rng)
    return root


@pytest.fixture
def class_folders(tmp_path: Path, rng: np.random.Generator) -> Path:
    return save_class_folders(tmp_path / "photos", rng)
