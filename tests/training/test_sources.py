from dataclasses import replace

import pytest
import torch

from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.models.factory import create_classifier
from recyclenet.models.stages import split_backbone
from recyclenet.photo import load_photo
from recyclenet.training.device import choose_compute
from recyclenet.training.feature_source import compute_features
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.settings import create_spec
from recyclenet.training.sources import PhotoSource
from tests.training.published import ARCH
from tests.training.test_loop import NO_LIMIT, QUIET

CPU = choose_compute("cpu", "fp32")
RECIPE = Recipe(name="r", epochs=1, lr=1e-3, augment="strong", surfaces=0.5, img_size=32, resize=36, trained_stages=1)


@pytest.fixture
def config(class_folders):
    split_photo_folder(class_folders)
    return TrainConfig(
        data=str(class_folders),
        model=ModelConfig(arch=ARCH, attn="se"),
        recipe=RECIPE,
        mean=(0.5, 0.4, 0.3),
        std=(0.5, 0.5, 0.5),
        workers=0,
        device="cpu",
    )


def model_of(config):
    torch.manual_seed(4)
    return create_classifier(config.model, 3).eval()


def evaluated(config, split):
    folder = open_photo_folder(config.data)
    spec = create_spec(config)
    records = folder.split(split)
    photos = [load_photo(folder.root / record.path, min_side=spec.resize) for record in records]
    images = torch.stack([torch.from_numpy(spec(photo)) for photo in photos])
    return images, [folder.classes.index(record.label) for record in records]


def features_of(config, folder, model, cache, unreadable=NO_LIMIT):
    spec = create_spec(config)
    return compute_features(config, folder, spec, model, CPU, cache, StopRequest(), QUIET, unreadable)


def joined(batches):
    inputs, targets = zip(*batches, strict=True)
    return torch.cat(inputs), torch.cat(targets).tolist()


@pytest.mark.parametrize("trained_stages", [-1, 0, 1])
def test_photos_and_the_parts_that_they_go_through(config, trained_stages):
    config = replace(config, recipe=replace(RECIPE, trained_stages=trained_stages, views=0))
    model = model_of(config)
    source = PhotoSource(config, open_photo_folder(config.data), create_spec(config), NO_LIMIT)
    for batches, split in ((source.plain_batches(), "train"), (source.val_batches(), "val")):
        inputs, targets = joined(batches)
        wanted, labels = evaluated(config, split)
        assert torch.equal(inputs, wanted)
        assert targets == labels
    lower, _ = split_backbone(model.backbone, trained_stages)
    with torch.no_grad():
        lowered, features = source.parts(model, inputs)
        assert torch.equal(lowered, lower(inputs))
        assert torch.equal(features, model.backbone(inputs))
        assert torch.equal(model.forward_head(features), source.forward(model, inputs))


@pytest.mark.parametrize("trained_stages", [0, 1])
def test_cached_features_and_the_parts_that_they_go_through(config, tmp_path, trained_stages):
    config = replace(config, recipe=replace(RECIPE, trained_stages=trained_stages, views=2))
    model, folder = model_of(config), open_photo_folder(config.data)
    source = compute_features(
        config, folder, create_spec(config), model, CPU, tmp_path / "cache", StopRequest(), QUIET, NO_LIMIT
    )
    lower, upper = split_backbone(model.backbone, trained_stages)
    for batches, split in ((source.plain_batches(), "train"), (source.val_batches(), "val")):
        inputs, targets = joined(batches)
        images, labels = evaluated(config, split)
        assert inputs.dtype == torch.float32
        assert targets == labels
        with torch.no_grad():
            torch.testing.assert_close(inputs, lower(images), rtol=2e-3, atol=2e-3)  # kept as float16
            lowered, features = source.parts(model, inputs)
            assert torch.equal(lowered, inputs)
            assert torch.equal(features, upper(inputs))
            torch.testing.assert_close(source.forward(model, inputs), model(images), rtol=5e-3, atol=5e-3)
    plain, augmented = source.views
    assert not torch.equal(plain, augmented)


def test_a_cache_of_views_with_other_surfaces_is_not_taken(config, tmp_path):
    views = {}
    for surfaces in (0.0, 1.0, 0.0):
        changed = replace(config, recipe=replace(RECIPE, views=2, surfaces=surfaces))
        model, folder = model_of(config), open_photo_folder(config.data)
        source = compute_features(
            changed, folder, create_spec(changed), model, CPU, tmp_path, StopRequest(), QUIET, NO_LIMIT
        )
        plain, augmented = source.views
        if surfaces in views:
            assert torch.equal(views[surfaces][1], augmented)
        views[surfaces] = plain, augmented
    assert torch.equal(views[0.0][0], views[1.0][0]), "the evaluation view is the same"
    assert not torch.equal(views[0.0][1], views[1.0][1])
