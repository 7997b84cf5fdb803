import numpy as np
import pytest
import torch

from recyclenet.checkpoint import save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.data.folder import PhotoFolder, split_photo_folder
from recyclenet.description import ModelDescription
from recyclenet.export import export
from recyclenet.models.factory import create_classifier
from recyclenet.preprocess import PreprocessSpec
from recyclenet.quantize.calibration import load_images
from tests.conftest import COLOURS, save_class_folders

DESCRIPTION = ModelDescription(
    ModelConfig(arch="test_efficientnet", attn="recyclenet"), tuple(COLOURS), PreprocessSpec(img_size=64, resize=72)
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> PhotoFolder:
    """Three class folders with 20 photos each, split."""
    return split_photo_folder(save_class_folders(tmp_path_factory.mktemp("photos"), np.random.default_rng(7)))


@pytest.fixture(scope="session")
def checkpoint(folder, tmp_path_factory):
    """A network that is right about these photos: random, but for a head that is solved for."""
    torch.manual_seed(0)
    network = create_classifier(DESCRIPTION.model, len(COLOURS))
    records = folder.split("train")
    images = torch.from_numpy(load_images(folder.root, records, DESCRIPTION.preprocess))
    with torch.no_grad():
        for _ in range(20):
            network(images)  # batch statistics of these photos
        network.eval()
        features = network.attention(network.backbone(images)).mean(dim=(2, 3))
        wanted = torch.eye(3)[[list(COLOURS).index(record.label) for record in records]]
        with_one = torch.cat([features, torch.ones(len(features), 1)], dim=1)
        solved = torch.linalg.solve(with_one.T @ with_one + 1e-2 * torch.eye(with_one.shape[1]), with_one.T @ wanted)
        network.head.weight.copy_(solved[:-1].T)
        network.head.bias.copy_(solved[-1])
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_checkpoint(path, network.state_dict(), DESCRIPTION)
    return path


@pytest.fixture(scope="session")
def exported(checkpoint, folder):
    """The same as a float .onnx file."""
    path = checkpoint.with_suffix(".onnx")
    export(checkpoint, path, [folder.root / record.path for record in folder.split("train")[:2]])
    return path
