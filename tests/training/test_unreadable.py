"""Photos that cannot be read, from the start or from some moment on: left out, counted, and too many of them."""

from dataclasses import replace

import pytest
import torch

from recyclenet.checkpoint import read_checkpoint
from recyclenet.data.features import FeatureCache
from recyclenet.data.folder import open_photo_folder
from recyclenet.errors import PhotoError
from recyclenet.models.factory import create_classifier
from recyclenet.training import loop
from recyclenet.training.run_folder import RunFolder
from recyclenet.training.sources import PhotoSource
from recyclenet.training.unreadable import Unreadable
from tests.training.test_loop import MODEL, RECIPE, StopAfter, config, same, train, weights  # noqa: F401 (a fixture)
from tests.training.test_resume import Notes

SHORT = replace(RECIPE, epochs=2)


def broken(config, split, places):  # noqa: F811
    """Paths of photos of a split that are damaged from now on; their sizes stay as they are."""
    folder = open_photo_folder(config.data)
    chosen = [folder.split(split)[place].path for place in places]
    for path in chosen:
        file = folder.root / path
        file.write_bytes(bytes(file.stat().st_size))
    return chosen


def said_by(config, out, watcher=None, **kwargs):  # noqa: F811
    notes = watcher or Notes()
    result = loop.train(config, open_photo_folder(config.data), RunFolder(out), notes, **kwargs)
    return result, [text for text in notes.texts if text.startswith("left out")]


@pytest.fixture
def lenient(config):  # noqa: F811
    return replace(config, recipe=SHORT, max_unreadable=0.1)


def test_up_to_the_limit_they_are_left_out_and_named(lenient, tmp_path):
    lost = broken(lenient, "train", [0, 7, 20]) + broken(lenient, "val", [1])
    result, said = said_by(lenient, tmp_path / "run")
    assert result.epochs_done == 2
    assert len(said) == 4, "each once, not once an epoch"
    assert all(any(path in text and "of 5 that may be" in text for text in said) for path in lost)
    assert result.best["val_total"] == len(open_photo_folder(lenient.data).split("val")) - 1
    found = read_checkpoint(tmp_path / "run" / "last.safetensors")
    assert found.train_state.values["unreadable"].keys() == set(lost)
    assert found.description.training["left_out"] == 4


def test_one_more_ends_the_run_and_the_last_checkpoint_stays(lenient, tmp_path):
    class Breaks(Notes):
        def epoch(self, row, epochs, best):
            broken(lenient, "train", range(6))

    with pytest.raises(PhotoError, match=r"not a photo.*5 others .*Of 51 photos 5 may be unreadable"):
        said_by(lenient, tmp_path / "run", Breaks())
    values = read_checkpoint(tmp_path / "run" / "last.safetensors").train_state.values
    assert values["epoch"] == 1
    result, _ = said_by(replace(lenient, max_unreadable=0.2), tmp_path / "run", resume=True)
    assert result.epochs_done == 2


@pytest.mark.parametrize("views", [0, 2])
def test_a_stopped_run_leaves_out_the_same(lenient, tmp_path, monkeypatch, views):
    """Whole networks and cached features."""
    torch.save(create_classifier(MODEL, 3).backbone.state_dict(), tmp_path / "weights.pth")
    recipe = replace(SHORT, trained_stages=1, views=views)
    config = replace(lenient, recipe=recipe, pretrained=str(tmp_path / "weights.pth"))  # noqa: F811
    broken(config, "train", [0, 7, 20])
    broken(config, "val", [1])
    train(config, tmp_path / "whole")
    for looks in (3, 5):
        with monkeypatch.context() as patch:
            patch.setattr(loop, "StopRequest", lambda looks=looks: StopAfter(looks))
            train(config, tmp_path / "pieces", resume=(tmp_path / "pieces").exists())
    train(config, tmp_path / "pieces", resume=True)
    assert same(weights(tmp_path / "whole" / "last.safetensors"), weights(tmp_path / "pieces" / "last.safetensors"))


def test_a_photo_that_was_left_out_may_be_lost_or_repaired_before_a_resume(lenient, tmp_path, monkeypatch):
    folder = open_photo_folder(lenient.data)
    file = folder.root / folder.split("train")[3].path
    good = file.read_bytes()
    broken(lenient, "train", [3])
    train(lenient, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(8))
        train(lenient, tmp_path / "pieces")
    file.write_bytes(good + b" ")
    train(lenient, tmp_path / "pieces", resume=True)
    assert same(weights(tmp_path / "whole" / "last.safetensors"), weights(tmp_path / "pieces" / "last.safetensors"))


def test_the_others_keep_their_places_and_views(lenient, class_folders):
    """What a batch is made of does not depend on what else could be read."""
    folder = open_photo_folder(class_folders)
    spec = loop.create_spec(lenient)

    def batches():
        notes = Unreadable({}, 1.0, 51, lambda _: None)
        return list(PhotoSource(lenient, folder, spec, notes).train_batches(1, 0))

    before = batches()
    names = {record.path: place for place, record in enumerate(folder.split("train"))}
    order = PhotoSource(lenient, folder, spec, Unreadable({}, 1.0, 51, print))._order(1)
    (lost,) = broken(lenient, "train", [4])
    number = next(n for n, batch in enumerate(order) if names[lost] in batch)
    place = order[number].index(names[lost])
    after = batches()
    for n, ((images, targets), (left, labels)) in enumerate(zip(before, after, strict=True)):
        keep = [i for i in range(len(targets)) if n != number or i != place]
        assert torch.equal(left, images[keep])
        assert torch.equal(labels, targets[keep])


def test_a_batch_of_which_one_photo_is_left_is_passed_over(lenient, tmp_path, monkeypatch):
    """Batch norm has nothing to say of one photo."""
    config = replace(lenient, recipe=replace(SHORT, batch_size=3, epochs=1), max_unreadable=1.0)  # noqa: F811
    folder, everything = open_photo_folder(config.data), Unreadable({}, 1.0, 51, print)
    order = PhotoSource(config, folder, loop.create_spec(config), everything)._order(0)
    broken(config, "train", [*order[0][:2], *order[1]])
    sizes = []

    class Counts(Notes):
        def step(self, step):
            sizes.append((step.step, step.photos))

    said_by(config, tmp_path / "run", Counts())
    assert sizes == [(step, 3) for step in range(2, 14)], "of the first batch one photo is left, of the second none"


def test_a_cache_of_features_tells_the_next_run(tmp_path):
    lost = {}

    def compute():
        lost["a.jpg"] = "not a photo"
        yield torch.ones(2, 1, 1, 1)

    FeatureCache(tmp_path, "key").view("train-0", compute, lost)
    again = {}
    FeatureCache(tmp_path, "key").view("train-0", compute, again)
    assert again == {"a.jpg": "not a photo"}


def test_without_any_readable_photo_there_is_no_run(lenient, tmp_path):
    config = replace(lenient, max_unreadable=1.0)  # noqa: F811
    broken(config, "train", range(42))
    with pytest.raises(loop.RecycleNetError, match=r"no photo of .* could be trained on in epoch 1"):
        train(config, tmp_path / "run")
