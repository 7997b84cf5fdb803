"""A file of weights as they are published: a whole network with statistics of its own and its old head."""

import numpy as np
import timm
import torch
from safetensors.torch import save_file

from recyclenet.data.folder import split_photo_folder
from recyclenet.photo import load_photo
from recyclenet.preprocess import PreprocessSpec
from tests.conftest import save_class_folders

ARCH = "test_efficientnet"
OLD_CLASSES = 20


def publish(path, *, folder=None, conv_head=False):
    """Writes the file and returns its tensors.

    `folder`: a photo folder on whose pictures the network computed its batch statistics, as if it had always seen
    such. `conv_head`: the head as a 1×1 convolution, as some families have it.
    """
    torch.manual_seed(11)
    network = timm.create_model(ARCH, num_classes=OLD_CLASSES)
    images = torch.randn(16, 3, 32, 32)
    if folder is not None:
        spec = PreprocessSpec(32, 36, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        images = torch.stack([torch.from_numpy(spec(load_photo(file))) for file in sorted(folder.rglob("*.jpg"))])
    with torch.no_grad():
        for _ in range(20):  # with a momentum of 0.1
            network(images)
        network.classifier.weight.mul_(4)  # answers that differ from photo to photo
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    if conv_head:
        state["classifier.weight"] = state["classifier.weight"][:, :, None, None]
    save_file(state, path)
    return state


def photos_and_weights(root):
    """Below the root `photos`, in three classes and split, and `w.safetensors`, which has always seen such."""
    photos = save_class_folders(root / "photos", np.random.default_rng(7))
    split_photo_folder(photos)
    publish(root / "w.safetensors", folder=photos)
    return root
