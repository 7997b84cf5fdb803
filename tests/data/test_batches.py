import multiprocessing
import pickle
import subprocess
import sys

import pytest
import torch

from recyclenet.data.batches import PhotoDataset, PhotoLoader, derive_seed, epoch_batches, in_order
from recyclenet.data.folder import open_photo_folder
from recyclenet.data.transforms import create_transform, decode_side
from recyclenet.errors import PhotoError
from recyclenet.photo import load_photo
from recyclenet.preprocess import PreprocessSpec

SPEC = PreprocessSpec(img_size=48, resize=56)


def dataset(folder, augment, seed=1):
    opened = open_photo_folder(folder)
    transform = create_transform(augment, SPEC)
    return PhotoDataset(opened.root, opened.records, opened.classes, transform, decode_side(augment, SPEC), seed)


@pytest.mark.parametrize(("total", "size"), [(10, 3), (9, 3), (10, 9), (1, 4), (7, 7)])
def test_every_photo_once_an_epoch(total, size):
    batches = epoch_batches(total, size, seed=1, epoch=0)
    assert sorted(index for batch in batches for index in batch) == list(range(total))
    assert total == 1 or all(len(batch) > 1 for batch in batches)


def test_order_depends_on_seed_and_epoch_alone():
    order = lambda **place: epoch_batches(50, 8, **place)  # noqa: E731
    assert order(seed=1, epoch=0) == order(seed=1, epoch=0)
    assert order(seed=1, epoch=0) != order(seed=1, epoch=1)
    assert order(seed=1, epoch=0) != order(seed=2, epoch=0)


def test_derived_seeds_do_not_meet():
    seeds = {derive_seed(a, b, c) for a in range(5) for b in range(20) for c in range(20)}
    assert len(seeds) == 5 * 20 * 20
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("augment", ["none", "paper", "strong"])
def test_augmentation_gives_the_models_input(class_folders, augment):
    image, target, _ = dataset(class_folders, augment)[0, 0]
    assert image.shape == (3, 48, 48)
    assert image.dtype == torch.float32
    assert type(image) is torch.Tensor
    assert target == 0


def test_without_augmentation_it_is_the_prediction_view(class_folders):
    data = dataset(class_folders, "none")
    image, *_ = data[5, 3]
    assert torch.equal(image, torch.from_numpy(SPEC(load_photo(data.paths[3]))))


@pytest.mark.parametrize("augment", ["paper", "strong"])
def test_views_differ_by_epoch_and_seed_and_repeat(class_folders, augment):
    data = dataset(class_folders, augment)
    assert torch.equal(data[2, 7][0], data[2, 7][0])
    assert not torch.equal(data[2, 7][0], data[3, 7][0])
    assert not torch.equal(data[2, 7][0], dataset(class_folders, augment, seed=2)[2, 7][0])


def test_the_callers_random_state_is_left_alone(class_folders):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    dataset(class_folders, "strong")[0, 0]
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_hold_what_was_asked_for(class_folders, workers):
    data = dataset(class_folders, "paper")
    batches = [[3, 1], [40]]
    with PhotoLoader(data, workers) as loader:
        images, targets = zip(*loader.batches(batches, epoch=4), strict=True)
    assert [t.tolist() for t in targets] == [[data.targets[i] for i in batch] for batch in batches]
    assert torch.equal(images[0][1], data[4, 1][0])
    assert torch.equal(images[1][0], data[4, 40][0])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_photo_keeps_its_error(class_folders, workers):
    data = dataset(class_folders, "none")
    with open(data.paths[2], "wb") as file:
        file.write(b"broken")
    with PhotoLoader(data, workers) as loader, pytest.raises(PhotoError) as caught:
        list(loader.batches(in_order(4, 2), epoch=0))
    assert caught.value.path == data.paths[2]


@pytest.mark.parametrize("augment", ["none", "paper", "strong"])
def test_workers_that_do_not_fork_get_the_same_dataset(class_folders, augment):
    data = dataset(class_folders, augment)
    copy = pickle.loads(pickle.dumps(data))
    assert torch.equal(copy[1, 5][0], data[1, 5][0])


def readers():
    return [process for process in multiprocessing.active_children() if process.daemon]


def test_the_same_processes_read_epoch_after_epoch(class_folders):
    data = dataset(class_folders, "paper")
    with PhotoLoader(data, 1) as loader:
        [reader] = readers()
        for epoch in (0, 1):
            left = loader.batches([[3], [1], [2], [5]], epoch=epoch)
            assert torch.equal(next(left)[0][0], data[epoch, 3][0])
        images, targets = zip(*loader.batches([[7]], epoch=2), strict=True)
        assert [batch.tolist() for batch in targets] == [[data.targets[7]]], "what was not taken before is dropped"
        assert torch.equal(images[0][0], data[2, 7][0])
        assert list(left) == []
        assert readers() == [reader]
    assert readers() == []


def test_processes_end_with_a_loader_that_nobody_has_any_more(class_folders):
    loader = PhotoLoader(dataset(class_folders, "none"), 1)
    [reader] = readers()
    next(loader.batches([[1], [2]], epoch=0))
    del loader
    reader.join(10)
    assert readers() == []


def test_processes_end_though_somebody_still_takes_batches(class_folders):
    with PhotoLoader(dataset(class_folders, "none"), 1) as loader:
        taken = loader.batches([[1], [2]], epoch=0)
        next(taken)
    assert readers() == []
    assert list(taken) == []


LEAVES = """
import sys
from recyclenet.data.batches import PhotoLoader
from tests.data.test_batches import dataset
loader = PhotoLoader(dataset(sys.argv[1], "none"), 2)
batches = loader.batches([[1], [2]], epoch=0)
next(batches)
raise SystemExit(5)
"""


def test_an_interpreter_that_ends_does_not_wait_for_them(class_folders):
    ended = subprocess.run([sys.executable, "-c", LEAVES, class_folders], timeout=60, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (5, "")


def test_a_loader_draws_no_random_number_of_others(class_folders):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    list(PhotoLoader(dataset(class_folders, "none"), 0).batches([[1]], epoch=0))
    assert torch.equal(torch.rand(3), wanted)


LOSES_A_READER = """
import multiprocessing, signal, sys, time
from recyclenet.data.batches import PhotoLoader, explained_readers
from recyclenet.errors import RecycleNetError
from tests.data.test_batches import dataset
try:
    with explained_readers(), PhotoLoader(dataset(sys.argv[1], "none"), 1) as loader:
        batches = loader.batches([[index] for index in range(20)], epoch=0)
        next(batches)
        if sys.argv[2] == "asked":
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        [reader] = multiprocessing.active_children()
        reader.kill()
        time.sleep(5)
        list(batches)
except RecycleNetError as error:
    print(error)
"""


@pytest.mark.parametrize("when", ["told by the system", "asked"])
def test_a_reader_that_is_gone_is_said(class_folders, when):
    # In a process of its own: wherever that is, torch raises its error there.
    words = [sys.executable, "-c", LOSES_A_READER, class_folders, when]
    ended = subprocess.run(words, timeout=60, capture_output=True, text=True)
    assert ended.stdout.startswith("a process that reads photos ended too early"), ended.stderr


def test_a_closed_loader_gives_nothing(class_folders):
    loader = PhotoLoader(dataset(class_folders, "none"), 0)
    loader.close()
    with pytest.raises(ValueError, match="closed"):
        loader.batches([[1]], epoch=0)
