"""The root script as a person meets it: a real process, a real window on a virtual screen, real key presses."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageColor

from recyclenet import Predictor
from recyclenet.evaluate import load_model
from recyclenet.original import webcam_command
from recyclenet.rules import default_rules
from tests.conftest import REPOSITORY
from tests.original.reference import make_state, save_original
from tests.webcam.fakes import FakeWindow
from tests.webcam.screen import PATIENCE, place_of, started, wait_for
from tests.webcam.videos import write_video

SCRIPT = REPOSITORY / "webcam.py"


def watching(display, folder, *arguments):
    """The script in a process of its own, working in `folder`."""
    return started([SCRIPT, *arguments], folder, DISPLAY=display)


@pytest.fixture
def photo(trashnet):
    return Image.open(trashnet / "dataset-resized" / "glass" / "glass1.jpg").convert("RGB")


@pytest.fixture
def video(tmp_path, photo):
    return write_video(tmp_path / "v.avi", [photo] * 3)


def test_space_captures_and_classifies_and_escape_leaves(display, press, tmp_path, photo, video):
    wanted = Predictor().predict(photo)
    target = default_rules().bin_for(wanted.label)
    with watching(display, tmp_path, "--camera", video) as process:
        press("space")
        line = process.stdout.readline()
        assert line == f"capture_img.jpg: {wanted.label}, {100 * wanted.prob:.1f} %, bin: {target.name}\n"
        saved = np.asarray(Image.open(tmp_path / "capture_img.jpg"), int)
        assert np.abs(saved - np.asarray(photo)).mean() < 2

        def answer_is_shown(screen):
            place = place_of(photo, screen)
            if place is None:
                return False
            left, top = place
            below = screen[top + photo.height :, left : left + photo.width]
            return (below == ImageColor.getrgb(target.colour)).all(axis=2).sum() > 5000

        wait_for(display, answer_is_shown)

        press("Escape")
        assert process.communicate(timeout=PATIENCE) == ("", "")
        assert process.returncode == 0


def test_a_capture_that_cannot_be_written_ends_with_one_line(display, press, tmp_path, video):
    (tmp_path / "c.png").mkdir()
    with watching(display, tmp_path, "--camera", video, "--save_dir", "c.png") as process:
        press("space")
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (2, "")
    assert is_one_line(err, "it is a folder, a file name was expected")


def test_ctrl_c_ends_it_in_silence(display, press, tmp_path, video):
    with watching(display, tmp_path, "--camera", video) as process:
        press()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, "", "")


def test_a_picture_larger_than_the_screen_is_shown_smaller(display, press, tmp_path, rng):
    large = Image.fromarray(rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)).resize((1920, 1080), 0)
    video = write_video(tmp_path / "v.avi", [large])
    with watching(display, tmp_path, "--camera", video, "--save_dir", "out/c.png") as process:
        press("space")
        assert process.stdout.readline().startswith("out/c.png: ")
        small = large.copy()
        small.thumbnail((1000 - 160, 700 - 160), Image.Resampling.BILINEAR)
        assert small.size == (840, 473)
        wait_for(display, lambda screen: place_of(small, screen) is not None)
        press("Escape")
        assert process.wait(PATIENCE) == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "c.png")), np.asarray(large))


def is_one_line(err, *parts):
    return err.startswith("error: ") and err.count("\n") == 1 and all(part in err for part in parts)


def run_script(folder, *arguments, **environment):
    without_display = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        cwd=folder,
        env=without_display | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_no_camera(tmp_path):
    done = run_script(tmp_path, "--camera", 97)
    assert (done.returncode, done.stdout) == (2, "")
    assert is_one_line(done.stderr, "no camera 97", "another number (such as 1)")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere windows need no DISPLAY")
def test_no_display(tmp_path):
    video = write_video(tmp_path / "v.avi", [Image.new("RGB", (64, 48))])
    for display in ({}, {"DISPLAY": ":9999"}):
        done = run_script(tmp_path, "--camera", video, **display)
        assert (done.returncode, done.stdout) == (2, "")
        assert is_one_line(done.stderr, "no window can be opened", "start this on a desktop")


def run_here(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        webcam_command.main([*map(str, arguments)])
    return ended.value.code, *capsys.readouterr()


def test_no_tk(monkeypatch, tmp_path, capsys):
    video = write_video(tmp_path / "v.avi", [Image.new("RGB", (64, 48))])
    monkeypatch.setitem(sys.modules, "tkinter", None)
    code, out, err = run_here(capsys, "--camera", video)
    assert (code, out) == (2, "")
    assert is_one_line(err, "a window needs Python's tkinter", "apt install python3-tk")


def test_no_opencv(monkeypatch, capsys):
    monkeypatch.setattr("recyclenet.extras.find_spec", lambda name: None)
    assert run_here(capsys) == (2, "", "error: the webcam needs the 'webcam' extra: pip install 'recyclenet[webcam]'\n")


@pytest.mark.parametrize("name", ["save", "capture.gif", "capture"])
def test_a_capture_is_a_photo(capsys, name):
    code, _, err = run_here(capsys, "--save_dir", name)
    assert code == 2
    assert is_one_line(err, f"ending in .jpg, .png or .webp, not {name}")


def test_a_mistake_in_the_flags_is_one_line(capsys):
    assert run_here(capsys, "--nope") == (
        *(2, ""),
        "error: unrecognized arguments: --nope (python webcam.py --help lists the flags)\n",
    )


@pytest.mark.parametrize(
    ("camera", "message"),
    [("99999999999", "no camera has the number 99999999999"), ("", "no camera is named")],
)
def test_what_names_no_camera_is_one_line(capsys, camera, message):
    code, out, err = run_here(capsys, "--camera", camera)
    assert (code, out) == (2, "")
    assert is_one_line(err, message)


def test_resume_answers_with_a_file_of_the_originals(tmp_path, monkeypatch, capsys, photo, video):
    """As --resume save/model_best.pth.tar: the file's network, on the frame that was captured, as in evaluation."""
    file = save_original(tmp_path / "model_best.pth.tar", make_state(18, ("channel", "spatial"), seed=3))
    window = FakeWindow("space")
    monkeypatch.setattr("recyclenet.webcam.window.TkWindow", lambda title: window)
    monkeypatch.chdir(tmp_path)
    webcam_command.main(["--resume", str(file), "--camera", video])
    model = load_model(file)
    logits = model.logits_of(model.description.preprocess(photo)[None])[0].astype(np.float64)
    probs = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    label = model.description.classes[probs.argmax()]
    target = default_rules().bin_for(label)
    printed = capsys.readouterr().out
    assert printed == f"capture_img.jpg: {label}, {100 * probs.max():.1f} %, bin: {target.name}\n"
    assert probs.max() != pytest.approx(Predictor().predict(photo).prob, abs=1e-3), "not the bundled model's answer"
    assert window.closed


def test_cuda(monkeypatch, tmp_path, capsys):
    code, _, err = run_here(capsys, "--cuda")
    assert code == 2
    assert is_one_line(err, "the bundled model runs on the CPU only")
    monkeypatch.setattr("torch.zeros", lambda *_, device: (_ for _ in ()).throw(RuntimeError(f"no {device.type} here")))
    code, _, err = run_here(capsys, "--cuda", "--resume", tmp_path / "m.safetensors")
    assert code == 2
    assert is_one_line(err, "the device 'cuda' cannot be used (no cuda here)")


def test_help_names_the_originals_options_and_the_default(capsys):
    code, out, _ = run_here(capsys, "--help")
    assert code == 0
    for part in ("--resume", "--cuda", "--save_dir", "capture_img.jpg", "the bundled model"):
        assert part in out
