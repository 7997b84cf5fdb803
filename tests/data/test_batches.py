import pickle

import pytest
import torch

from recyclenet.data.batches import PhotoDataset, derive_seed, epoch_batches, in_order, photo_batches
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
    images, targets = zip(*photo_batches(data, batches, epoch=4, workers=workers), strict=True)
    assert [t.tolist() for t in targets] == [[data.targets[i] for i in batch] for batch in batches]
    assert torch.equal(images[0][1], data[4, 1][0])
    assert torch.equal(images[1][0], data[4, 40][0])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_photo_keeps_its_error(class_folders, workers):
    data = dataset(class_folders, "none")
    with open(data.paths[2], "wb") as file:
        file.write(b"broken")
    with pytest.raises(PhotoError) as caught:
        list(photo_batches(data, in_order(4, 2), epoch=0, workers=workers))
    assert caught.value.path == data.paths[2]


@pytest.mark.parametrize("augment", ["none", "paper", "strong"])
def test_workers_that_do_not_fork_get_the_same_dataset(class_folders, augment):
    data = dataset(class_folders, augment)
    copy = pickle.loads(pickle.dumps(data))
    assert torch.equal(copy[1, 5][0], data[1, 5][0])
