"""A virtual screen, a hand at its keyboard, and eyes on it."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import ImageGrab

PATIENCE = 60  # seconds for anything; a shared machine can be slow, a hang must end


@pytest.fixture(scope="module")
def display():
    """The name of a virtual screen; its number is a free one that the server itself picks."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {' and '.join(missing)}: install them to test the window (apt install xvfb xdotool)")
    reads, writes = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writes), "-screen", "0", "1000x700x24", "-nolisten", "tcp"],
        pass_fds=[writes],
        stderr=subprocess.DEVNULL,
    )
    os.close(writes)
    with os.fdopen(reads) as pipe, ended_in_the_end(server, limit=10 * PATIENCE):
        number = pipe.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"


@contextmanager
def ended_in_the_end(process, limit=PATIENCE):
    """Kills a process that takes too long, and in any case afterwards."""
    watchdog = threading.Timer(limit, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()


@contextmanager
def started(words, folder, **environment):
    """A Python program in a process of its own, working in `folder`; no display unless one is given."""
    hidden = ("DISPLAY", "http_proxy", "HTTP_PROXY")  # a proxy would stand before this machine's own streams
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    with (
        subprocess.Popen(
            [sys.executable, *map(str, words)],
            cwd=folder,
            env=inherited | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # As from a terminal: a shell starts what runs in its background with Ctrl-C ignored, tests and all.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process,
        ended_in_the_end(process),
    ):
        yield process


@pytest.fixture
def press(display):
    """Presses keys one after another once the program's window is there and has the keyboard."""

    def xdotool(*words):
        subprocess.run(["xdotool", *words], check=True, timeout=PATIENCE, env={**os.environ, "DISPLAY": display})

    def press(*keys):
        xdotool("search", "--sync", "--onlyvisible", "--name", "^RecycleNet", "windowfocus", "--sync")
        # In a call of its own: to a window that was searched for, xdotool sends what no keyboard sends.
        for key in keys:
            xdotool("key", key)

    return press


def wait_for(display, condition):
    """Looks at the screen, (H, W, 3) uint8, until the condition holds: a window is drawn some time after it is told."""
    deadline = time.monotonic() + PATIENCE
    while not condition(np.asarray(ImageGrab.grab(xdisplay=display).convert("RGB"))):
        assert time.monotonic() < deadline, "the screen never showed it"
        time.sleep(0.05)


def place_of(picture, screen):
    """Left and top of the picture on the screen, every pixel the same; None where it is not."""
    pixels = np.asarray(picture)
    height, width = pixels.shape[:2]
    for top, left in np.argwhere((screen == pixels[0, 0]).all(axis=2)):
        if np.array_equal(screen[top : top + height, left : left + width], pixels):
            return left, top
    return None
