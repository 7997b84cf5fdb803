import hashlib
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from recyclenet.augment import job
from recyclenet.augment.groups import pipeline
from recyclenet.augment.job import MAX_SIDE, make_copies, run_plan
from recyclenet.augment.library import apply
from recyclenet.augment.plan import Settings, make_plan, open_target
from recyclenet.augment.source import open_source
from recyclenet.data.folder import open_photo_folder
from recyclenet.data.splits import read_splits
from recyclenet.errors import RecycleNetError
from recyclenet.photo import load_photo
from tests.conftest import save_photo


def augment(source, target, workers=1, on_progress=None, **settings):
    plan = make_plan(open_source(source)[0], target, Settings(**settings))
    open_target(plan)
    return run_plan(plan, workers=workers, on_progress=on_progress)


def bytes_in(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_same_bytes_with_one_process_and_with_three(class_folders, tmp_path):
    seen = []

    def look(*place):
        seen.append(place)

    first = augment(class_folders, tmp_path / "one", 1, look, probability="high")
    assert (first.originals, first.copies, first.failed, first.stopped_by) == (60, 42 * 3, (), None)
    assert seen == [(done, 60) for done in range(1, 61)]
    seen.clear()
    assert 60 / job._PHOTOS_PER_PROCESS > 2, "fewer photos are not worth three processes"
    second = augment(class_folders, tmp_path / "three", 3, look, probability="high")
    assert second == first
    assert seen == [(done, 60) for done in range(1, 61)]
    assert bytes_in(tmp_path / "one") == bytes_in(tmp_path / "three")


def test_another_seed_makes_other_copies(class_folders, tmp_path):
    for seed in (1, 2):
        augment(class_folders, tmp_path / str(seed), seed=seed, originals=False)
    one, other = bytes_in(tmp_path / "1"), bytes_in(tmp_path / "2")
    copies = [path for path in one if path.endswith(".jpg")]
    assert len(copies) == 42 * 3
    # Of the turns by 90° and the flips some come twice.
    assert sum(one[path] != other[path] for path in copies) > 0.9 * len(copies)


def test_copies_are_photos_of_their_photo(class_folders, tmp_path):
    """All groups are kept, each with what its pipeline makes of the photo, in values of photos."""
    augment(class_folders, tmp_path / "out", originals=False)
    plan = make_plan(open_source(class_folders)[0], tmp_path / "out", Settings(originals=False))
    for planned in plan.photos[:10]:
        photo = load_photo(class_folders / planned.record.path)
        assert {copy.group for copy in planned.copies} == {"basic", "affine", "distort"}
        for copy in planned.copies:
            with Image.open(tmp_path / "out" / copy.path) as made:
                assert (made.format, made.mode) == ("JPEG", "RGB")
                pixels = np.asarray(made).astype(float)
            wanted = np.asarray(apply(pipeline(copy.group, "low", 72), photo, copy.seed)).astype(float)
            assert pixels.shape == wanted.shape
            assert np.abs(pixels - wanted).mean() < 12  # noise is hard on JPEG
            assert pixels.mean() == pytest.approx(wanted.mean(), abs=2)
    assert not list((tmp_path / "out").rglob(".*"))


def test_no_copy_crosses_the_split_and_val_and_test_are_untouched(class_folders, tmp_path):
    source, _ = open_source(class_folders)
    augment(class_folders, tmp_path / "out", copies=2)
    split_of = {record.path.removesuffix(".jpg"): record.split for record in source.records}
    target = open_photo_folder(tmp_path / "out")
    assert target.counts()["train"] == dict.fromkeys(target.classes, 14 * 7)
    assert {split: target.counts()[split] for split in ("val", "test")} == {
        split: source.counts()[split] for split in ("val", "test")
    }
    for record in target.records:
        stem = record.path.removesuffix(".jpg").split("_")[0]
        assert record.split == split_of[stem]
        assert record.label == record.path.split("/")[0]
        if record.split != "train":
            assert (tmp_path / "out" / record.path).read_bytes() == (class_folders / record.path).read_bytes()


def test_broken_photos_are_reported_and_the_rest_is_done(tmp_path, rng):
    source = tmp_path / "source"
    for label in ("glass", "paper"):
        for split in ("train", "val"):
            save_photo(source / split / label / "good.jpg", (90, 120, 90), rng)
    (source / "train" / "glass" / "empty.jpg").touch()
    (source / "train" / "glass" / "page.jpg").write_text("<html>")
    (source / "val" / "paper" / "cut.jpg").write_bytes((source / "val" / "paper" / "good.jpg").read_bytes()[:700])
    Image.new("1", (9000, 9000)).save(source / "train" / "paper" / "bomb.png")
    Image.new("RGB", (1, 1)).save(source / "train" / "paper" / "tiny.png")
    report = augment(source, tmp_path / "out")
    assert [(error.path, error.reason.split(" ")[0]) for error in report.failed] == [
        (str(source / "train/glass/empty.jpg"), "the"),
        (str(source / "train/glass/page.jpg"), "not"),
        (str(source / "train/paper/bomb.png"), "9000×9000"),
        (str(source / "val/paper/cut.jpg"), "damaged"),
    ]
    assert (report.originals, report.copies) == (5, 9)
    folder = open_photo_folder(tmp_path / "out")
    assert len(folder.records) == 14
    for record in folder.records:
        load_photo(folder.root / record.path)


def test_a_photo_too_long_for_opencv_is_reported(tmp_path, rng):
    """It warps no picture with a side of 32,767 pixels; the limit here is its own."""
    for side, is_warped in ((MAX_SIDE, True), (MAX_SIDE + 1, False)):
        strip = np.zeros((1, side), np.uint8)
        try:
            cv2.remap(strip, np.zeros((1, side), np.float32), np.zeros((1, side), np.float32), cv2.INTER_LINEAR)
            assert is_warped
        except cv2.error:
            assert not is_warped
    for label in ("glass", "paper"):
        save_photo(tmp_path / "source" / label / "good.jpg", (90, 120, 90), rng)
    Image.new("L", (MAX_SIDE + 1, 520), "white").save(tmp_path / "source" / "glass" / "long.png")
    report = augment(tmp_path / "source", tmp_path / "out", split="all")
    assert [str(error) for error in report.failed] == [
        f"{tmp_path}/source/glass/long.png: 32767×520 is too long to be augmented: at most 32766 pixels a side"
    ]
    assert (report.originals, report.copies) == (2, 6)


def test_whatever_the_library_says_is_the_photos_error(class_folders, tmp_path, monkeypatch):
    def refuse(transform, photo, seed):
        if photo.getpixel((0, 0))[1] > 215:  # paper
            raise cv2.error("OpenCV(5): no\nand more")
        return apply(transform, photo, seed)

    monkeypatch.setattr(job, "apply", refuse)
    report = augment(class_folders, tmp_path / "out")
    assert len(report.failed) + report.copies / 3 == 42
    assert len(report.failed) > 5
    assert all(error.reason == "cannot be augmented (basic: OpenCV(5): no)" for error in report.failed)


def test_what_is_there_is_not_made_again(class_folders, tmp_path, monkeypatch):
    first = augment(class_folders, tmp_path / "out")
    before = bytes_in(tmp_path / "out")
    lost = ["glass/glass0.jpg", "glass/glass0_affine_1.jpg", "metal/metal3.jpg"]
    for path in lost:
        (tmp_path / "out" / path).unlink(missing_ok=True)
    read = []
    monkeypatch.setattr(job, "load_photo", lambda path: read.append(path) or load_photo(path))
    assert augment(class_folders, tmp_path / "out") == first
    assert bytes_in(tmp_path / "out") == before
    assert read == [class_folders / "glass/glass0.jpg", class_folders / "metal/metal3.jpg"]


def test_copies_leave_the_photos_secrets_behind(tmp_path, rng):
    """Where and when a photo was taken stands in its EXIF block; orientation is applied."""
    for label in ("glass", "paper"):
        save_photo(tmp_path / "source" / label / "a.jpg", (90, 120, 90), rng, (300, 250))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"
    path = tmp_path / "source" / "glass" / "a.jpg"
    with Image.open(path) as image:
        image.save(path, exif=exif)
    augment(tmp_path / "source", tmp_path / "out")
    with Image.open(tmp_path / "out/glass/a_distort_1.jpg") as made:
        assert made.size == (250, 300)
        assert not made.getexif()
    assert (tmp_path / "out/glass/a.jpg").read_bytes() == path.read_bytes()


def test_a_target_that_cannot_be_written_ends_the_job(class_folders, tmp_path):
    """With one process and with several, in the words of the one that met it."""
    for workers in (1, 2):
        plan = make_plan(open_source(class_folders)[0], tmp_path / f"out{workers}", Settings())
        open_target(plan)
        (plan.target / "glass").write_text("in the way")
        with pytest.raises(RecycleNetError, match=r"cannot write \S*/glass0\S*: (Not a directory|File exists)"):
            run_plan(plan, workers=workers)


def _vanish(*_args):
    os._exit(1)


def test_a_process_that_dies_is_an_error_that_says_what_to_do(class_folders, tmp_path, monkeypatch):
    plan = make_plan(open_source(class_folders)[0], tmp_path / "out", Settings())
    open_target(plan)
    monkeypatch.setattr(job, "make_copies", _vanish)
    with pytest.raises(RecycleNetError, match=r"a process ended before its work was done.*run it again to go on"):
        run_plan(plan, workers=2)
    monkeypatch.setattr(job, "make_copies", make_copies)
    assert run_plan(plan, workers=1).copies == 42 * 3
    assert len(read_splits(tmp_path / "out" / "splits.csv")) == 60 + 42 * 3
