"""A photo answered as the original's code does it: decoded in full, through a ResNet18 in eager float32 torch.

python -m recyclenet.bench.original_way CHECKPOINT PHOTO is a process that does just this.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torchvision import models, transforms

from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.preprocess import IMAGENET_MEAN, IMAGENET_STD


def create_network() -> nn.Module:
    """ResNet18 with six classes and random weights: they take as long as trained ones."""
    torch.manual_seed(0)
    network: nn.Module = models.resnet18(weights=None)
    network.fc = nn.Linear(512, len(TRASHNET_CLASSES))
    network.eval()
    return network


def create_answer(network: nn.Module) -> Callable[[Path], str]:
    """A function from a photo's path to its label."""
    view = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )

    def answer(photo: Path) -> str:
        with Image.open(photo) as image:
            images = view(image.convert("RGB"))[None]
        with torch.no_grad():
            return TRASHNET_CLASSES[int(network(images).softmax(dim=1).argmax())]

    return answer


def main(checkpoint: str, photo: str) -> None:
    """Prints the label of one photo."""
    network = create_network()
    network.load_state_dict(torch.load(checkpoint, weights_only=True))
    print(create_answer(network)(Path(photo)))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:3])
