"""A camera and a window without the machine's: pictures from a list, keys from a script."""


class FakeCamera:
    """Gives the pictures in turn (None: no picture just now), then none any more."""

    def __init__(self, *pictures):
        self._pictures = list(pictures)
        self.closed = False

    def read(self):
        return self._pictures.pop(0) if self._pictures else None

    def close(self):
        self.closed = True


class FakeWindow:
    """Does the named things in turn: "turn" is one turn of the loop, all else a key; the last is "Escape"."""

    def __init__(self, *script):
        self._script = script
        self._keys = {}
        self.pictures, self.texts = [], []
        self.closed = False

    def show(self, picture):
        self.pictures.append(picture)

    def say(self, text, colour):
        self.texts.append((text, colour))

    def on_key(self, key, action):
        self._keys[key] = action

    def every(self, ms, action):
        self._keys["turn"] = action

    def run(self):
        for name in (*self._script, "Escape"):
            assert not self.closed
            self._keys[name]()
        assert self.closed

    def close(self):
        self.closed = True
