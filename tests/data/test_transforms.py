import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from recyclenet.data import transforms
from recyclenet.data.batches import PhotoDataset
from recyclenet.data.folder import open_photo_folder
from recyclenet.data.staging.restage import restage
from recyclenet.data.staging.surfaces import any_surface
from recyclenet.data.transforms import create_transform, decode_side
from recyclenet.preprocess import PreprocessSpec
from tests.data.staging.scenes import board_with

SPEC = PreprocessSpec(img_size=48, resize=56, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
PHOTO = board_with("disc", (128, 96))[0]


def seeded(transform, photo, seed):
    torch.manual_seed(seed)
    return transform(photo)


def turned(photo):
    return [photo, *(photo.transpose(way) for way in (2, 3, 4))][int(torch.randint(4, ()))]


def by_hand(augment, photo):
    """The views without made-up surfaces, written down a second time."""
    bilinear = InterpolationMode.BILINEAR
    if augment == "paper":
        steps = [v2.RandomResizedCrop(48, interpolation=bilinear), v2.RandomHorizontalFlip()]
    else:
        steps = [v2.RandomResizedCrop(48, scale=(0.35, 1.0), interpolation=bilinear), v2.RandomHorizontalFlip()]
        colours = v2.RandomApply([v2.ColorJitter(0.25, 0.25, 0.25, 0.03)], p=0.6)
        others = v2.RandAugment(interpolation=bilinear, fill=[255, 255, 255])
        steps += [] if augment == "upright" else [v2.RandomVerticalFlip(), turned]
        steps += [others if augment == "randaugment" else colours]
    for step in steps:
        photo = step(photo)
    pixels = torch.from_numpy(np.array(photo)).permute(2, 0, 1).float() / 255
    image = (pixels - torch.tensor(SPEC.mean)[:, None, None]) / torch.tensor(SPEC.std)[:, None, None]
    return image if augment == "paper" else v2.RandomErasing(p=0.15, scale=(0.02, 0.15))(image)


@pytest.mark.parametrize("photo", [PHOTO, PHOTO.resize((160, 20)), PHOTO.resize((20, 160))], ids=lambda p: str(p.size))
@pytest.mark.parametrize("augment", ["paper", "strong", "upright", "randaugment"])
def test_without_surfaces_the_views_are_those_of_torchvisions_transforms(augment, photo):
    transform = create_transform(augment, SPEC)
    for seed in range(24):
        torch.manual_seed(seed)
        wanted = by_hand(augment, photo)
        torch.testing.assert_close(seeded(transform, photo, seed), wanted, rtol=0, atol=1e-5)
        after = torch.rand(())
        seeded(create_transform(augment, SPEC, surfaces=0.0), photo, seed)
        assert torch.equal(torch.rand(()), after), "other random numbers were drawn"


@pytest.mark.parametrize("augment", ["paper", "strong"])
def test_with_surfaces_every_view_shows_another_place(augment):
    plain, elsewhere = create_transform(augment, SPEC), create_transform(augment, SPEC, surfaces=1.0)
    for seed in range(8):
        image = seeded(elsewhere, PHOTO, seed)
        assert image.shape == (3, 48, 48)
        assert image.dtype == torch.float32
        assert type(image) is torch.Tensor
        assert torch.equal(image, seeded(elsewhere, PHOTO, seed))
        assert (image - seeded(plain, PHOTO, seed)).abs().mean() > 0.05


@pytest.mark.parametrize("augment", ["paper", "strong", "upright", "camera", "randaugment"])
def test_of_two_places_nothing_but_the_place_differs(augment, monkeypatch):
    """With a surface that changes nothing both views are the same, cut from pictures of two sizes."""
    plain, both = create_transform(augment, SPEC), create_transform(augment, SPEC, two_places=True)
    smooth = Image.fromarray(np.random.default_rng(2).integers(60, 200, (6, 8, 3), dtype=np.uint8))
    photo = smooth.resize((512, 384), Image.Resampling.BICUBIC)
    differences = []
    with monkeypatch.context() as patch:
        patch.setattr(transforms, "restage", lambda photo, surface, rng: photo)
        for seed in range(40):
            images = seeded(both, photo, seed)
            assert images.shape == (6, 48, 48)
            after = torch.rand(())
            differences.append(float((images[:3] - images[3:]).abs().mean()))
            torch.manual_seed(seed)
            transforms._Elsewhere(1.0, SPEC.resize)(photo)
            assert torch.equal(images[:3], plain(photo)), "the view on the board is what it is without the other place"
            assert torch.equal(after, torch.rand(()))
    # Other parts of this photo differ by 0.16 and more; what makes views worse can make a pixel's difference larger.
    assert np.median(differences) < 0.05
    assert max(differences) < (0.05 if augment in ("paper", "strong", "upright") else 0.15)
    for seed in range(8):
        images = seeded(both, PHOTO, seed)
        assert (images[:3] - images[3:]).abs().mean() > 0.05, "the other place looks like the board"


def test_the_evaluation_view_is_never_restaged():
    plain = torch.from_numpy(SPEC(PHOTO))
    assert torch.equal(create_transform("none", SPEC, surfaces=1.0)(PHOTO), plain)
    assert torch.equal(create_transform("none", SPEC, two_places=True)(PHOTO), plain)


def test_the_share_is_what_was_asked_for():
    elsewhere = transforms._Elsewhere(0.3, short_side=24)
    small = PHOTO.resize((16, 12))
    torch.manual_seed(1)
    count = sum(elsewhere(small) is not small for _ in range(150))
    assert 28 <= count <= 62  # 45, give or take three standard deviations


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((128, 96), (32, 24)), ((96, 128), (24, 32)), ((30, 20), (30, 20)), ((400, 10), (400, 10)), ((1, 1), (1, 1))],
)
def test_no_more_pixels_than_the_view_needs_and_the_generator_comes_from_torch(size, wanted):
    elsewhere = transforms._Elsewhere(1.0, short_side=24)
    photo = PHOTO.resize(size)
    result = seeded(elsewhere, photo, 5)
    assert result.size == wanted
    torch.manual_seed(5)
    torch.rand(())
    rng = np.random.default_rng(int(torch.randint(2**62, ())))
    small = photo.resize(wanted, Image.Resampling.BILINEAR)
    assert result.tobytes() == restage(small, any_surface(rng, wanted[1], wanted[0]), rng).tobytes()


def test_workers_that_do_not_fork_make_the_same_views(class_folders):
    folder = open_photo_folder(class_folders)
    transform = create_transform("strong", SPEC, surfaces=1.0)
    side = decode_side("strong", SPEC)
    data = PhotoDataset(folder.root, folder.records, folder.classes, transform, side, seed=3)
    assert torch.equal(pickle.loads(pickle.dumps(data))[1, 5][0], data[1, 5][0])
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as workers:
        image = workers.submit(_view_in_a_worker, data).result()
    assert np.array_equal(image, data[1, 5][0].numpy())


def _view_in_a_worker(data):
    return data[1, 5][0].numpy()


def test_camera_views_are_strong_views_made_worse():
    """The same chance gives the same view; about one in six shows none of the faults, and then it is the strong one."""
    noise = np.random.default_rng(1).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    photo = Image.fromarray(noise)  # nothing but detail
    strong, camera = create_transform("strong", SPEC), create_transform("camera", SPEC)
    assert torch.equal(seeded(camera, photo, 3), seeded(camera, photo, 3))
    views = [seeded(camera, photo, seed) for seed in range(60)]
    assert {tuple(view.shape) for view in views} == {(3, 48, 48)}
    assert all(torch.isfinite(view).all() for view in views)
    # The chance is the same up to the faults: some views lose much of the detail that their strong twin has.
    detail = [float(view.diff(dim=2).abs().mean()) for view in views]
    sharp = [float(seeded(strong, photo, seed).diff(dim=2).abs().mean()) for seed in range(60)]
    assert sum(worse < 0.7 * better for worse, better in zip(detail, sharp, strict=True)) >= 5


@pytest.mark.parametrize("seed", range(12))
def test_each_fault_of_a_camera_keeps_size_and_mode(seed):
    torch.manual_seed(seed)
    worse = transforms._camera(PHOTO.resize((48, 48)))
    assert (worse.size, worse.mode) == ((48, 48), "RGB")
