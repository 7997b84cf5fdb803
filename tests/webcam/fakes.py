"""A camera and a window without the machine's: pictures from a list, keys from a script."""

from datetime import UTC, datetime

from recyclenet.webcam.capture import Frame

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


class FakeCamera:
    """Gives the pictures in turn (None: no picture just now), then none any more."""

    def __init__(self, *pictures, rate=None):
        self._pictures = list(pictures)
        self.rate = rate
        self.closed = False

    def read(self):
        assert not self.closed
        return self._pictures.pop(0) if self._pictures else None

    def close(self):
        self.closed = True


class FakeFrames:
    """A mailbox that gets a frame of each picture in turn (None: nothing new)."""

    def __init__(self, *pictures):
        self._frames = [
            None if picture is None else Frame(picture, number, number / 10, MOMENT)
            for number, picture in enumerate(pictures, start=1)
        ]
        self.is_finished = False

    def poll(self):
        return self._frames.pop(0) if self._frames else None


class FakeWindow:
    """Does the named things in turn: "turn" is one turn of the loop, all else a key; the last is "Escape"."""

    def __init__(self, *script):
        self._script = script
        self._keys = {}
        self.pictures, self.texts, self.notes = [], [], []
        self.closed = False

    def show(self, picture):
        self.pictures.append(picture)

    def say(self, text, colour):
        self.texts.append((text, colour))

    def note(self, text):
        self.notes.append(text)

    def on_key(self, key, action):
        self._keys[key] = action

    def every(self, ms, action):
        self._keys["turn"] = action

    def run(self):
        for name in (*self._script, "Escape"):
            assert not self.closed
            if callable(name):
                name()
            else:
                self._keys[name]()
        assert self.closed

    def close(self):
        self.closed = True
