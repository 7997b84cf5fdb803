import queue
import threading

import pytest
from PIL import Image

from recyclenet import Predictor
from recyclenet.errors import RecycleNetError
from recyclenet.rules import Rules
from recyclenet.webcam.capture import Capture
from recyclenet.webcam.live import Live
from recyclenet.webcam.smoothing import Steady
from tests.webcam.fakes import FakeCamera

RED, GREEN, BLUE = (Image.new("RGB", (64, 48), colour) for colour in ("red", "lime", "blue"))


class Clock:
    """Time that passes only where somebody waits; after `limit` waits the capture is to stop."""

    def __init__(self, limit=10**9):
        self.now, self.waits, self._limit = 100.0, [], limit

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(round(seconds, 6))
        self.now += seconds
        return len(self.waits) > self._limit


def captured(cameras, clock, **options):
    """All frames and all reports of a capture that opens the cameras in turn; an error is raised in its place."""
    cameras, frames, reports = iter(cameras), [], []

    def open_camera():
        camera = next(cameras)
        if isinstance(camera, Exception):
            raise camera
        return camera

    capture = Capture(open_camera, "camera 7", reports.append, clock=clock, wait=clock.wait, **options)
    box = capture.mailbox()
    box.put = frames.append
    capture.start()
    assert box.take() is None  # closed at the end
    capture.close()
    capture.check()
    return frames, reports


def test_a_camera_that_was_lost_is_tried_again_until_it_is_back():
    first, mute, second = FakeCamera(RED, GREEN), FakeCamera(), FakeCamera(BLUE)
    gone = RecycleNetError("no camera 7")
    clock = Clock(limit=8)
    frames, reports = captured([first, gone, gone, gone, gone, gone, mute, second, gone], clock)
    assert [(frame.number, frame.picture) for frame in frames] == [(1, RED), (2, GREEN), (3, BLUE)]
    assert reports == [
        "camera 7 gives no more pictures: trying again until it is back",
        "camera 7 is back",
        "camera 7 gives no more pictures: trying again until it is back",
    ]
    # Twice as long each time, up to 8 s; then, after it was back, from the beginning.
    assert clock.waits == [0.5, 1, 2, 4, 8, 8, 8, 0.5, 1]
    assert [camera.closed for camera in (first, mute, second)] == [True] * 3
    assert frames[2].seconds == pytest.approx(31.5)


def test_a_stumble_is_no_loss():
    frames, reports = captured([FakeCamera(None, RED, *[None] * 9, GREEN)], Clock(limit=0))
    assert [frame.picture for frame in frames] == [RED, GREEN]
    assert len(reports) == 1


def test_a_camera_without_pictures():
    camera = FakeCamera()
    with pytest.raises(RecycleNetError, match="camera 7 gives no pictures: end other programs"):
        captured([camera], Clock())
    assert camera.closed


def test_a_driver_that_takes_long_is_not_asked_ten_times():
    clock, reads = Clock(limit=0), []

    class Slow(FakeCamera):
        def read(self):
            picture = super().read()
            if picture is None:
                reads.append(clock.now)
                clock.now += 10
            return picture

    captured([Slow(RED)], clock)
    assert len(reads) == 1


def test_a_recording_is_played_at_its_rate_and_ends():
    clock = Clock()
    frames, reports = captured([FakeCamera(RED, GREEN, BLUE, rate=4.0)], clock)
    assert [(frame.picture, frame.seconds) for frame in frames] == [(RED, 0.0), (GREEN, 0.25), (BLUE, 0.5)]
    assert clock.waits == [0.25] * 3
    assert reports == []


def test_what_went_wrong_in_the_thread_is_raised():
    class Broken(FakeCamera):
        def read(self):
            return super().read() or 1 / 0

    with pytest.raises(ZeroDivisionError):
        captured([Broken(RED)], Clock())


class WiredCamera:
    """Gives a picture when the test does."""

    rate = None

    def __init__(self):
        self.pictures = queue.Queue()

    def read(self):
        return self.pictures.get(timeout=20)

    def close(self):
        pass


class StuckModel:
    """Notes what it sees and stands still until it is let go."""

    def __init__(self, predict):
        self.seen, self.begun, self.go = [], threading.Semaphore(0), threading.Event()
        self._predict = predict

    def __call__(self, picture):
        self.seen.append(picture)
        self.begun.release()
        assert self.go.wait(20)
        return self._predict(picture)


def test_the_picture_never_waits_for_the_model_and_an_old_frame_is_dropped(predictor):
    camera, model, shown = WiredCamera(), StuckModel(predictor.predict), []
    camera.pictures.put(RED)
    live = Live(lambda: camera, "a wire", model, Steady(predictor.classes, Rules()), print, print)
    box = live.mailbox()
    live.start()
    assert model.begun.acquire(timeout=20)
    for picture in (GREEN, BLUE):
        shown.append(box.take().picture)
        camera.pictures.put(picture)
    shown.append(box.take().picture)
    assert (shown, model.seen) == ([RED, GREEN, BLUE], [RED])  # all shown, while the model is still at the first
    model.go.set()
    assert model.begun.acquire(timeout=20)
    assert model.seen == [RED, BLUE]
    for _ in range(10):
        camera.pictures.put(None)  # so that it waits for no more pictures, but to be opened again
    live.close()
    live.check()


@pytest.fixture(scope="module")
def predictor():
    return Predictor(threads=1)


def test_trouble():
    clock, camera = Clock(), WiredCamera()
    stop = threading.Event()
    reports = queue.Queue()
    capture = Capture(lambda: camera, "camera 7", reports.put, clock=clock, wait=lambda _: stop.wait(20))
    box = capture.mailbox()
    camera.pictures.put(RED)
    capture.start()
    assert box.take().picture is RED
    assert capture.trouble() is None
    clock.now += 2.5
    assert capture.trouble() == "no new pictures"
    for _ in range(10):
        camera.pictures.put(None)
    assert "trying again" in reports.get(timeout=20)
    assert capture.trouble() == "the camera is gone: trying again"
    stop.set()
    capture.close()
