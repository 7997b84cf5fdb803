import numpy as np
import pytest
from PIL import Image

from recyclenet.pictures.heatmap import heat
from recyclenet.predictor import Prediction
from recyclenet.preprocess import PreprocessSpec
from recyclenet.rules import ASK, Bin, Rules
from recyclenet.webcam.answer import Answer
from recyclenet.webcam.capture import Frame
from recyclenet.webcam.live_session import LiveSession
from recyclenet.webcam.scene import draw_scene
from recyclenet.webcam.watcher import Seen
from tests.webcam.fakes import MOMENT, FakeFrames, FakeWindow

RED, GREEN, BLUE = (Image.new("RGB", (64, 48), colour) for colour in ("red", "lime", "blue"))
TARGET = Bin("can bin", "#123456", "crush it")
RULES = Rules({"c": TARGET}, {"can": "c"})
CAN = Answer("can", 0.956, TARGET)
SPEC = PreprocessSpec()
EVIDENCE = np.float32([[[0, 1], [2, 3]], [[3, 2], [1, 0]]])


class FakeLive:
    """What another thread would leave."""

    def __init__(self, answer=None, trouble=None):
        self.seen, self.said, self.error = None, trouble, None
        if answer is not None:
            self.see(answer)

    def see(self, answer):
        made = Prediction("bag", 0.6, {"can": 0.4, "bag": 0.6}, 1.0, RED, EVIDENCE)
        self.seen = Seen(Frame(RED, 1, 0.0, MOMENT), made, answer)

    def trouble(self):
        return self.said

    def answers_per_second(self):
        return 7.4

    def check(self):
        if self.error is not None:
            raise self.error


def sit(live, frames, *script, is_stopped=lambda: False, clock=lambda: 0.0):
    window, kept = FakeWindow(*script), []
    session = LiveSession(live, frames, window, SPEC, RULES, lambda *item: kept.append(item), is_stopped, clock)
    session.run()
    return window, kept


def test_pictures_are_shown_as_they_come_framed_in_the_bins_colour():
    window, kept = sit(FakeLive(CAN), FakeFrames(RED, None, GREEN), "turn", "turn", "turn", "turn")
    assert window.pictures == [draw_scene(picture, SPEC, TARGET.colour) for picture in (RED, GREEN)]
    assert window.texts == [("can, 96 %, bin: can bin\ncrush it", "#123456")]  # said once, while it stays the same
    assert kept == []


def test_the_picture_does_not_wait_for_the_first_answer():
    live = FakeLive()
    window, _ = sit(live, FakeFrames(RED, GREEN), "turn", lambda: live.see(None), "turn", lambda: live.see(CAN), "turn")
    assert window.pictures[0] == draw_scene(RED, SPEC, "#eeeeee")
    assert [text for text, _ in window.texts] == ["a moment", "hold an item up", "can, 96 %, bin: can bin\ncrush it"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer("can", 0.5, ASK), "not sure: can, 50 %\nshow another side of it, or ask"),
        (Answer("bag", 0.5, ASK), f"bag, 50 %, bin: ask\n{ASK.hint}"),  # no rule for bags, however sure
    ],
)
def test_doubt(answer, text):
    window, _ = sit(FakeLive(answer), FakeFrames(RED), "turn")
    assert window.texts == [(text, ASK.colour)]


def test_h_shows_the_evidence_for_the_answer_and_hides_it_at_once():
    window, _ = sit(FakeLive(CAN), FakeFrames(RED, GREEN), "h", "turn", "h", "h", "turn", "h")
    warm = heat(EVIDENCE, 0)  # of "can", which is shown, not of "bag"
    wanted = [(RED, warm), (RED, None), (RED, warm), (GREEN, warm), (GREEN, None)]
    assert window.pictures == [draw_scene(picture, SPEC, TARGET.colour, values) for picture, values in wanted]
    assert window.pictures[0] != window.pictures[1]


def test_space_keeps_the_frame_that_is_shown():
    _, kept = sit(FakeLive(CAN), FakeFrames(RED, GREEN), "space", "turn", "space", "turn", "space")
    assert [(frame.picture, answer) for frame, answer in kept] == [(RED, CAN), (GREEN, CAN)]


def test_trouble_is_said_until_it_is_over():
    live = FakeLive(CAN, trouble="the camera is gone")

    def back():
        live.said = None

    window, _ = sit(live, FakeFrames(), "turn", "turn", back, "turn")
    assert [text for text, _ in window.texts] == ["the camera is gone", "can, 96 %, bin: can bin\ncrush it"]


def test_figures_and_messages():
    now = 10.0

    def clock():
        return now

    def later(seconds):
        def wait():
            nonlocal now
            now += seconds

        return wait

    turns = ["turn", later(0.25), "turn", later(0.25), "turn"]
    frames = FakeFrames(RED, GREEN, BLUE)
    window = FakeWindow(*turns, lambda: session.tell("saved it"), later(0.5), "turn", later(4), "turn")
    session = LiveSession(FakeLive(CAN), frames, window, SPEC, RULES, print, lambda: False, clock)
    session.run()
    keys = "h: heatmap   space: save   Esc: leave"
    assert window.notes == [
        f"0 pictures/s, 7 answers/s   {keys}",
        f"4 pictures/s, 7 answers/s   {keys}",
        "4 pictures/s, 7 answers/s   saved it",
        f"0 pictures/s, 7 answers/s   {keys}",
    ]


def test_it_ends_with_the_recording_and_when_it_is_to_stop():
    class Ended(FakeWindow):
        def run(self):
            self._keys["turn"]()
            assert self.closed

    over = FakeFrames()
    over.is_finished = True
    for frames, stopped in ((over, False), (FakeFrames(RED), True)):
        window = Ended()
        LiveSession(FakeLive(), frames, window, SPEC, RULES, print, lambda stopped=stopped: stopped).run()
        assert window.pictures == []


def test_what_went_wrong_elsewhere_is_raised():
    live = FakeLive()
    live.error = ValueError("the model broke")
    with pytest.raises(ValueError, match="the model broke"):
        sit(live, FakeFrames(RED), "turn")
