"""recyclenet webcam without a window, as a program meets it: a process, its output, its end."""

import json
import shlex
import signal
import sys
from dataclasses import replace

import pytest
from PIL import Image

from recyclenet import Predictor
from recyclenet.predictor import read_model
from recyclenet.redescribe import write_description
from recyclenet.rules import default_rules, load_rules
from tests.webcam.screen import PATIENCE, started
from tests.webcam.stream import Stream
from tests.webcam.videos import write_video

BOARD = Image.new("RGB", (512, 384), (225, 225, 225))


@pytest.fixture
def watching(tmp_path):
    """The command in a process of its own."""
    return lambda *arguments: started(["-m", "recyclenet", "webcam", "--headless", *arguments], tmp_path)


def photo(trashnet, label):
    return Image.open(trashnet / "dataset-resized" / label / f"{label}1.jpg").convert("RGB")


def test_a_recording_gives_a_line_for_each_change_and_tells_the_program(watching, tmp_path, trashnet):
    glass, metal = photo(trashnet, "glass"), photo(trashnet, "metal")
    scenes = [BOARD, glass, BOARD, metal]
    video = write_video(tmp_path / "v.avi", [scene for scene in scenes for _ in range(12)], rate=10)
    log = tmp_path / "log.jsonl"
    code = (
        "import json, sys; line = sys.stdin.read(); print('moving'); open(sys.argv[1], 'a').write(line); "
        "sys.exit(json.loads(line)['label'] == 'metal')"
    )
    flap = shlex.join([sys.executable, "-c", code, str(log)])
    with watching("--source", video, "--on-decision", flap) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    decisions = [json.loads(line) for line in out.splitlines()]
    assert [decision["label"] for decision in decisions] == ["glass", None, "metal"]
    for place, decision in enumerate(decisions, start=1):
        # After 0.5 s of its scene at the earliest, and by its end: on every machine the same frame.
        assert 12 * place + 5 < decision["frame"] <= 12 * place + 12
        assert decision["seconds"] == pytest.approx((decision["frame"] - 1) / 10, abs=1e-3)
    for decision, item in ((decisions[0], glass), (decisions[2], metal)):
        made = Predictor().predict(item)
        target = default_rules().decide(made.probs).bin
        assert (decision["label"], decision["bin"], decision["colour"]) == (made.label, target.name, target.colour)
        assert decision["prob"] == pytest.approx(made.prob, abs=0.15)  # the scene before still has its share
    assert [decisions[1][name] for name in ("prob", "bin", "colour")] == [None] * 3
    assert log.read_text() == out
    assert err.splitlines() == ["moving"] * 3 + [f"--on-decision: {sys.executable} failed (exit code 1)"]


def test_frames_of_a_recording_are_all_answered_and_the_lines_are_always_the_same(run, tmp_path, trashnet):
    video = write_video(tmp_path / "v.avi", [photo(trashnet, "glass")] * 8, rate=10)
    found = []
    for dwell in (0, 0.5, 0.71):
        code, out, err = run("webcam", "--headless", "--source", video, "--dwell", dwell)
        assert (code, err) == (0, "")
        found.append([json.loads(line)["frame"] for line in out.splitlines()])
    assert found == [[1], [6], []]  # 0.1 s apart


def test_model_and_rules_of_ones_own(run, tmp_path, trashnet):
    bare = tmp_path / "bare.onnx"
    bare.write_bytes(read_model(None))
    write_description(bare, replace(Predictor().description, calibration=None), bare)
    video = write_video(tmp_path / "v.avi", [photo(trashnet, "metal")])
    options = ("--source", video, "--dwell", 0, "--model", bare, "--rules", "single-stream")
    code, out, err = run("webcam", "--headless", *options)
    target = load_rules("single-stream").bin_for("metal")
    assert target != default_rules().bin_for("metal")
    decision = json.loads(out)
    assert (code, decision["label"], decision["bin"]) == (0, "metal", target.name)
    assert decision["prob"] == pytest.approx(Predictor(bare).predict(photo(trashnet, "metal")).prob, abs=1e-4)
    assert err == f"{bare} has no calibration: strange things are answered, too; 'recyclenet calibrate' adds it\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stop_ends_it_in_order(watching, tmp_path, trashnet, number, code):
    done = tmp_path / "done"
    flap = shlex.join([sys.executable, "-c", "import sys, time; time.sleep(1); open(sys.argv[1], 'w')", str(done)])
    with Stream(photo(trashnet, "glass")) as stream, watching("--source", stream.address, "--on-decision", flap) as it:
        assert json.loads(it.stdout.readline())["label"] == "glass"
        it.send_signal(number)
        assert it.communicate(timeout=PATIENCE) == ("", "")
        assert it.returncode == code
    assert done.exists()  # a flap that moves is not stopped half-way


def test_a_camera_that_is_unplugged_and_plugged_in_again(watching, trashnet):
    with Stream(photo(trashnet, "glass")) as stream, watching("--source", stream.address) as process:
        assert json.loads(process.stdout.readline())["label"] == "glass"
        stream.picture = None
        lost = process.stderr.readline()
        assert lost == f"{stream.address} gives no more pictures: trying again until it is back\n"
        stream.picture = photo(trashnet, "metal")
        assert process.stderr.readline() == f"{stream.address} is back\n"
        assert json.loads(process.stdout.readline())["label"] == "metal"
        with open(f"/proc/{process.pid}/maps") as maps:
            loaded = maps.read()
        assert "onnxruntime" in loaded
        assert "torch" not in loaded
        process.terminate()
        assert process.communicate(timeout=PATIENCE) == ("", "")


def test_a_reader_that_leaves_ends_it(watching, trashnet):
    with Stream(photo(trashnet, "glass")) as stream, watching("--source", stream.address) as process:
        process.stdout.readline()
        process.stdout.close()
        stream.picture = BOARD
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "97"], "no camera 97: plug one in"),
        (["--source", "missing.mp4"], "no camera or video at missing.mp4"),
        (["--source", ""], "no camera is named"),
        (["--source", "http://127.0.0.1:1/"], "no pictures from http://127.0.0.1:1/"),
        (["--rules", "mine"], "unknown rules"),
        (["--model", "none.onnx"], "no model at none.onnx"),
        (["--dwell", "nan"], "dwell must lie between"),
        (["--on-decision", "no-such-program"], "there is no program no-such-program"),
    ],
)
@pytest.mark.parametrize("headless", [True, False])
def test_mistakes_are_one_line(run, arguments, message, headless):
    code, out, err = run("webcam", *arguments, *(["--headless"] if headless else []))
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere windows need no DISPLAY")
def test_no_display(run, monkeypatch, tmp_path):
    monkeypatch.delenv("DISPLAY", raising=False)
    code, out, err = run("webcam", "--source", write_video(tmp_path / "v.avi", [BOARD]))
    assert (code, out) == (2, "")
    assert err.startswith("error: no window can be opened")
    assert err.count("\n") == 1


def test_without_the_extra(run, monkeypatch):
    monkeypatch.setattr("recyclenet.extras.find_spec", lambda name: None)
    code, _, err = run("webcam")
    assert code == 2
    assert err == "error: recyclenet webcam needs the 'webcam' extra: pip install 'recyclenet[webcam]'\n"
