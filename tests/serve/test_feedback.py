"""What visitors correct becomes a data folder."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.errors import RecycleNetError
from recyclenet.photo import load_photo
from recyclenet.serve.feedback import FeedbackStore
from recyclenet.serve.problems import Problem
from tests.conftest import COLOURS
from tests.serve.test_api import JPEG, assert_problem


def picture(colour, size=(64, 48)):
    return Image.new("RGB", size, colour)


def test_the_loop_closes(make_client, tmp_path, trashnet):
    """Corrected over HTTP, then opened and split as any data folder."""
    client = make_client(feedback=tmp_path / "kept")
    for label, taken_for in (("glass", "plastic"), ("metal", "glass")):
        for number in range(1, 6):
            data = (trashnet / f"dataset-resized/{taken_for}/{taken_for}{number}.jpg").read_bytes()
            response = client.post(f"/v1/feedback?label={label}", content=data, headers=JPEG)
            assert response.status_code == 201
            path = tmp_path / "kept" / label / f"{response.json()['sha256']}.jpg"
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    folder = open_photo_folder(tmp_path / "kept")
    assert folder.counts() == {"train": {"glass": 5, "metal": 5}}
    assert all(load_photo(folder.root / record.path).size == (512, 384) for record in folder.records)
    assert split_photo_folder(tmp_path / "kept").classes == ("glass", "metal")
    assert 'recyclenet_feedback_total{label="glass"} 5' in client.get("/metrics").text


def test_refused(make_client, tmp_path, photo):
    client = make_client(feedback=tmp_path)
    for label in ("", "bottle", "../glass", "GLASS"):
        assert "label" in assert_problem(client.post("/v1/feedback", params={"label": label}, content=photo), 422)
    assert "label" in assert_problem(client.post("/v1/feedback", content=photo), 422)
    assert_problem(client.post("/v1/feedback?label=glass", content=b"no photo"), 422)
    two = [("file", ("a", photo))] * 2
    assert "one photo" in assert_problem(client.post("/v1/feedback?label=glass", files=two), 422)
    assert list(tmp_path.iterdir()) == []


def test_the_last_word_counts_and_no_empty_folder_stays(tmp_path):
    store = FeedbackStore(tmp_path, ("glass", "metal"), 10**6)
    names = {
        store.save("glass", picture("red")),
        store.save("glass", picture("red")),
        store.save("metal", picture("red")),
    }
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [
        "metal",
        f"metal/{names.pop()}.jpg",
    ]
    assert not names


def test_a_full_folder_counts_what_was_there(tmp_path):
    def size(folder):
        return sum(path.stat().st_size for path in folder.rglob("*.jpg"))

    FeedbackStore(tmp_path / "two", ("glass", "metal"), 10**6).save("glass", picture("blue"))
    FeedbackStore(tmp_path / "one", ("glass", "metal"), 10**6).save("glass", picture("red"))
    both = size(tmp_path / "one") + size(tmp_path / "two")
    with pytest.raises(Problem) as refused:
        FeedbackStore(tmp_path / "one", ("glass", "metal"), both - 1).save("metal", picture("blue"))
    assert refused.value.status_code == 507
    assert [path.parent.name for path in (tmp_path / "one").rglob("*.jpg")] == ["glass"]
    full = FeedbackStore(tmp_path / "one", ("glass", "metal"), both)
    full.save("metal", picture("blue"))
    assert size(tmp_path / "one") == both
    full.save("glass", picture("blue"))  # moved: nothing is added
    with pytest.raises(Problem):
        full.save("glass", picture("green"))


def test_large_photos_become_smaller(tmp_path):
    store = FeedbackStore(tmp_path, ("glass",), 10**9)
    store.save("glass", picture("red", (2048, 4096)))
    (path,) = tmp_path.rglob("*.jpg")
    with Image.open(path) as kept:
        assert kept.size == (1024, 2048)
        assert kept.format == "JPEG"


def test_many_at_once(tmp_path):
    store = FeedbackStore(tmp_path, tuple(COLOURS), 10**9)
    with ThreadPoolExecutor(8) as threads:
        names = list(threads.map(lambda n: store.save(list(COLOURS)[n % 3], picture((n % 30, 0, 0))), range(60)))
    written = sorted(path.stem for path in tmp_path.rglob("*") if path.is_file())
    assert written == sorted(set(names))


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "__pycache__", "train", "a:b", "a\\b"])
def test_classes_that_cannot_be_folders_are_refused_at_the_start(tmp_path, name):
    with pytest.raises(RecycleNetError, match="folder for each class"):
        FeedbackStore(tmp_path, ("glass", name), 10**6)


def test_pixels_stay_what_they_were_but_for_jpeg(tmp_path, trashnet):
    original = load_photo(trashnet / "dataset-resized/paper/paper3.jpg")
    name = FeedbackStore(tmp_path, ("paper",), 10**9).save("paper", original)
    kept = load_photo(tmp_path / "paper" / f"{name}.jpg")
    assert np.abs(np.asarray(original, int) - np.asarray(kept, int)).mean() < 2
