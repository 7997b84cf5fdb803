"""recyclenet augment and the original's augmentation.py, as a user runs them."""

import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from recyclenet.augment import preview
from recyclenet.augment.groups import GROUPS, group_steps
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.errors import MissingExtraError
from recyclenet.lock import LOCK_FILE, lock_folder
from recyclenet.photo import load_photo
from tests.conftest import REPOSITORY, save_photo


@pytest.fixture
def few(tmp_path, rng):
    """Two classes with five photos each, split."""
    for label in ("glass", "paper"):
        for number in range(5):
            save_photo(tmp_path / "few" / label / f"{label}{number}.jpg", (90, 120, 90), rng)
    split_photo_folder(tmp_path / "few")
    return tmp_path / "few"


def test_the_target_is_a_folder_to_train_on(few, tmp_path, run):
    out = tmp_path / "out"
    code, printed, err = run("augment", few, out, "--probability", "mid", "--seed", 7, "--copies", 2)
    assert (code, err.strip()) == (0, "")
    assert printed == f"36 copies and 10 originals in {out}\n"
    assert open_photo_folder(out).counts() == {
        "train": {"glass": 3 * 7, "paper": 3 * 7},
        "val": {"glass": 1, "paper": 1},
        "test": {"glass": 1, "paper": 1},
    }
    assert {path.name for path in out.iterdir()} == {"glass", "paper", "splits.csv", "augment.json"}
    assert run("augment", few, out, "--probability", "mid", "--seed", 7, "--copies", 2)[1] == printed


def test_a_folder_without_a_split_is_told_which_one_it_gets(few, tmp_path, run):
    (few / "splits.csv").unlink()
    code, _, err = run("augment", few, tmp_path / "out")
    assert code == 0
    assert f"{few} has no split of its own; copies keep to the split that training on it would make" in err
    assert not (few / "splits.csv").exists()
    assert set(open_photo_folder(tmp_path / "out").counts()) == {"train", "val", "test"}


def test_broken_photos_are_one_line_each_and_exit_code_1(few, tmp_path, run):
    (few / "glass" / "glass0.jpg").write_text("no photo")
    (few / "paper" / "paper4.jpg").write_bytes(b"")
    code, printed, err = run("augment", few, tmp_path / "out", "--split", "all")
    assert code == 1
    assert printed == f"24 copies and 8 originals in {tmp_path / 'out'}\n"
    assert [line.split(":")[0] for line in err.splitlines() if line] == [
        str(few / "glass" / "glass0.jpg"),
        str(few / "paper" / "paper4.jpg"),
        "2 of 10 photos could not be used",
    ]


def test_a_dangling_link_is_reported_as_a_photo(few, tmp_path, run):
    (few / "splits.csv").unlink()
    (few / "glass" / "x.jpg").symlink_to(tmp_path / "nowhere.jpg")
    code, printed, err = run("augment", few, tmp_path / "out", "--split", "all")
    assert code == 1
    assert printed == f"30 copies and 10 originals in {tmp_path / 'out'}\n"
    assert f"{few / 'glass' / 'x.jpg'}: no such file\n" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["few", "few"], "must not be few nor lie in it"),
        (["few", "few/glass/new"], "must not be few nor lie in it"),
        (["few", "full"], "full is not empty"),
        (["few", "few/splits.csv"], "must not be few nor lie in it"),
        (["few", "file"], "cannot make the folder file: File exists"),
        (["full", "new"], "has no class folders"),
        (["none", "new"], "the data folder none does not exist"),
        (["few", "new", "--probability", "0.2"], "--probability must be one of low (0.1), mid (0.3), high (0.5)"),
        (["few", "new", "--copies", "-1"], "--copies must be from 1"),
        (["few", "new", "--workers", "0"], "--workers must be 1 or more, not 0"),
        (["few", "new", "--split", "x"], "--split must be one of"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(few, tmp_path, run, monkeypatch, arguments, words):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    monkeypatch.chdir(tmp_path)
    code, printed, err = run("augment", *arguments)
    assert (code, printed) == (2, "")
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_without_the_extra_the_install_line_is_named(monkeypatch, few, tmp_path, run):
    def missing(extra, what):
        raise MissingExtraError(what, extra)

    monkeypatch.setattr("recyclenet.cli.augment.require_extra", missing)
    code, _, err = run("augment", few, tmp_path / "out")
    assert code == 2
    assert "augmentation needs the 'augment' extra: pip install 'recyclenet[augment]'" in err


def test_preview_shows_every_transform(few, tmp_path, run, monkeypatch):
    (few / "glass" / "glass0.jpg").write_text("no photo")  # the next one is shown
    shown = []
    sheet = preview.contact_sheet
    monkeypatch.setattr(preview, "contact_sheet", lambda tiles, **how: shown.extend(tiles) or sheet(tiles, **how))
    code, _, err = run("augment", few, tmp_path / "out", "--preview", "--split", "all", "--probability", "high")
    assert code == 1
    assert f"wrote {tmp_path / 'out' / 'preview.png'}" in err
    names = [name for group in GROUPS for step in group_steps(group, 72) for name in step]
    assert [tile.headline for tile in shown] == ["photo", *names]
    captions = {tile.headline: tile.caption for tile in shown}
    assert captions["contrast"] == "basic: probability 0.5"
    assert captions["elastic"] == "distort: always one of these 8"
    photo = np.asarray(shown[0].pictures[0]).astype(float)
    difference = {tile.headline: np.abs(np.asarray(tile.pictures[0]) - photo).mean() for tile in shown}
    assert all(difference[name] > 0.5 for name in names if name != "rotate by 90°")  # that may be by 0°
    with Image.open(tmp_path / "out" / "preview.png") as picture:
        assert picture.width > 1200
    assert len(open_photo_folder(tmp_path / "out").records) == 9 * 4


def test_preview_goes_on_where_the_library_fails(few, tmp_path, run):
    """Its first photo is longer than OpenCV can warp: reported, and the next one is shown."""
    Image.new("RGB", (33_500, 600)).save(few / "glass" / "glass0.jpg")
    code, _, err = run("augment", few, tmp_path / "out", "--preview", "--split", "all", "--no-originals")
    assert code == 1
    assert f"wrote {tmp_path / 'out' / 'preview.png'}" in err
    assert f"{few / 'glass' / 'glass0.jpg'}: 33500×600 is too long to be augmented: at most 32766 pixels" in err


def test_preview_of_nothing_readable(few, tmp_path, run):
    for path in few.rglob("*.jpg"):
        path.write_text("no photo")
    code, _, err = run("augment", few, tmp_path / "out", "--preview")
    assert code == 2
    assert f"no photo in {few} can be read and augmented" in err


def test_a_folder_in_which_another_process_works_is_left_alone(few, tmp_path, run):
    out = tmp_path / "out"
    out.mkdir()
    with lock_folder(out):
        code, _, err = run("augment", few, out)
        assert code == 2
        assert f"{out} is in use by process {os.getpid()} on" in err
    code, _, err = run("augment", few, out)
    assert code == 0, err
    assert not (out / LOCK_FILE).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_whole_files_and_says_how_to_go_on(class_folders, tmp_path, number, run):
    out = tmp_path / "out"
    given = ["augment", class_folders, out, "--copies", 20, "--workers", 2, "--split", "all"]
    command = [sys.executable, "-m", "recyclenet", *map(str, given)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(out.glob("*/*_distort_20.jpg")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    printed, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert printed == ""
    assert re.search(r"^stopped; \d+ files are there and whole\. The same command goes on$", err, re.MULTILINE)
    made = list(out.rglob("*.jpg"))
    assert 60 < len(made) < 60 * 61
    for path in made[:60]:
        load_photo(path)
    assert run("train", "--data", out)[0] == 2  # half a folder is not trained on


def test_a_mistake_in_the_originals_flags_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["augmentation.py", "--seed", "x"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(REPOSITORY / "augmentation.py"), run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr() == (
        "",
        "error: argument --seed: invalid int value: 'x' (python augmentation.py --help lists the flags)\n",
    )


def test_the_originals_command(trashnet, tmp_path):
    """On photos of TrashNet. The original left one file a photo, the last group's, of normalised pixels."""
    source = tmp_path / "dataset-resized"
    labels = ("cardboard", "glass", "metal")
    for label in labels:
        (source / label).mkdir(parents=True)
        for photo in sorted((trashnet / "dataset-resized" / label).glob("*.jpg"))[:2]:
            shutil.copy(photo, source / label)
    script = [sys.executable, REPOSITORY / "augmentation.py"]
    named = [*script, "--root_dir", "dataset-resized/", "--save_dir", "augmented/", "--probability", "low"]
    done = subprocess.run([*named, "--seed", "1234"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "18 copies and 0 originals in augmented\n"
    made = sorted(path.relative_to(tmp_path / "augmented") for path in (tmp_path / "augmented").rglob("*.jpg"))
    assert [str(path) for path in made] == sorted(
        f"{label}/{photo.stem}_{group}_1.jpg"
        for label in labels
        for photo in (source / label).iterdir()
        for group in GROUPS
    )
    for path in made:
        original = source / path.parent / f"{path.stem.split('_')[0]}.jpg"
        pixels, photo = (
            np.asarray(load_photo(name)).astype(float) for name in (tmp_path / "augmented" / path, original)
        )
        if "basic" in path.stem:
            assert pixels.shape == (224, 224, 3)
        else:
            assert sorted(pixels.shape) == sorted(photo.shape)
        if "affine" in path.stem:
            assert pixels.mean() == pytest.approx(photo.mean(), abs=12)
        # Normalised pixels lie between -2.2 and 2.7: written as bytes, a black picture.
        assert pixels.mean() > 30
    first = {path: (tmp_path / "augmented" / path).read_bytes() for path in made}
    # Its defaults are the values given above.
    shutil.move(tmp_path / "augmented", tmp_path / "before")
    subprocess.run(script, cwd=tmp_path, check=True, capture_output=True)
    assert {path: (tmp_path / "augmented" / path).read_bytes() for path in made} == first
