"""Photos on disk → updates of the weights: this package's step beside a plain loop, and beside the network alone."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from recyclenet.bench.in_turn import time_in_turn
from recyclenet.bench.result import Aim, BenchTable, lines_of
from recyclenet.config import ModelConfig
from recyclenet.data.batches import PhotoDataset, epoch_batches, photo_batches
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.splits import PhotoRecord
from recyclenet.data.transforms import create_transform, decode_side
from recyclenet.errors import RecycleNetError
from recyclenet.machine import usable_cores
from recyclenet.models.factory import create_classifier
from recyclenet.preprocess import PreprocessSpec
from recyclenet.recipes import load_recipe
from recyclenet.training.device import Compute, choose_compute
from recyclenet.training.objective import loss_of, mix_pairs
from recyclenet.training.optim import create_optimizer

OURS = "recyclenet's step: photos in reduced size, bfloat16 where the hardware has it, channels last"
PLAIN = "a plain loop: photos in full by 4 workers, float32, channels first"
ALONE = "the network of the first line alone, on a ready batch"

_FASTER = 2.0
_PLAIN_WORKERS = 4


def measure_training(
    folder: PhotoFolder,
    arch: str,
    rounds: int,
    *,
    steps: int = 8,
    batch_size: int = 32,
    on_progress: Callable[[int, int], None] | None = None,
) -> BenchTable:
    """Steps of the recipe `paper`, with the RecycleNet attention, on train photos.

    Args:
        folder: split.
        arch: of the backbone.
        rounds: each of `steps` steps, the start of the loaders included.
        steps: in a round.
        batch_size: photos a step.
        on_progress: told (rounds done, rounds in all).

    Raises:
        RecycleNetError: not enough photos for a round.
    """
    records = folder.split("train")[: steps * batch_size]
    if len(records) < steps * batch_size:
        raise RecycleNetError(f"the training bench needs {steps * batch_size} train photos, not {len(records)}")
    compute = choose_compute("cpu", "auto", channels_last=True)
    config, classes = ModelConfig(arch=arch, attn="recyclenet"), len(folder.classes)
    torch.manual_seed(0)
    ours = _Trained(create_classifier(config, classes), compute)
    plain = _Trained(create_classifier(config, classes), choose_compute("cpu", "fp32", channels_last=False))
    spec = PreprocessSpec()
    ready = torch.zeros(batch_size, 3, spec.img_size, spec.img_size), torch.zeros(batch_size, dtype=torch.int64)
    ways = {
        OURS: lambda: ours.run(_own_batches(folder, records, spec, batch_size)),
        PLAIN: lambda: plain.run(_plain_batches(folder, records, spec, batch_size)),
        ALONE: lambda: ours.run(iter([ready] * steps)),
    }
    taken = time_in_turn(ways, rounds, warm_ups=1, on_progress=on_progress)
    per_photo = {name: seconds / len(records) for name, seconds in taken.items()}
    median = {name: float(np.median(seconds)) for name, seconds in per_photo.items()}
    return BenchTable(
        f"training step of {arch} + RecycleNet, batch {batch_size}, {spec.img_size} px, a photo",
        "ms",
        "recyclenet's step",
        rounds,
        lines_of(per_photo, OURS, 1000.0),
        (Aim("times as fast as the plain loop", median[PLAIN] / median[OURS], _FASTER),),
        (
            f"{1 / median[OURS]:.1f} photos a second, {1 / median[PLAIN]:.1f} by the plain loop; on {compute}.",
            f"On a GPU: skipped, {_why_no_gpu()}.",
        ),
        {"photos_per_second": 1 / median[OURS], "plain_photos_per_second": 1 / median[PLAIN]},
    )


def _why_no_gpu() -> str:
    return "this part measures processors alone" if torch.cuda.is_available() else "no CUDA device"


class _Trained:
    """A network with its optimizer, for steps as the training loop makes them."""

    def __init__(self, model: nn.Module, compute: Compute) -> None:
        self.recipe = load_recipe("paper")
        self.compute = compute
        self.model = model.to(memory_format=compute.layout).train()
        self.optimizer = create_optimizer(self.model, self.recipe)

    def run(self, batches: Iterator[tuple[Tensor, Tensor]]) -> None:
        for images, targets in batches:
            placed = self.compute.place(images)
            mixed, shares = mix_pairs(placed, targets, int(self.model.head.out_features), self.recipe.mixup)  # type: ignore[union-attr, arg-type]
            with self.compute.autocast():
                logits = self.model(mixed)
            loss = loss_of(logits, shares, self.recipe.label_smoothing)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()


def _own_batches(
    folder: PhotoFolder, records: Sequence[PhotoRecord], spec: PreprocessSpec, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    transform = create_transform("paper", spec)
    dataset = PhotoDataset(folder.root, records, folder.classes, transform, decode_side("paper", spec), seed=0)
    order = epoch_batches(len(dataset), batch_size, seed=0, epoch=0)
    return photo_batches(dataset, order, epoch=0, workers=usable_cores())


def _plain_batches(
    folder: PhotoFolder, records: Sequence[PhotoRecord], spec: PreprocessSpec, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    dataset = _PlainPhotos(
        [folder.root / record.path for record in records],
        [folder.classes.index(record.label) for record in records],
        spec,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # four workers are what the original's recipe says, however few cores there are
        return iter(DataLoader(dataset, batch_size=batch_size, shuffle=True, num_workers=_PLAIN_WORKERS))


class _PlainPhotos(Dataset[tuple[Tensor, int]]):
    """As anybody would write it."""

    def __init__(self, paths: Sequence[Path], targets: Sequence[int], spec: PreprocessSpec) -> None:
        self.paths, self.targets = paths, targets
        self.transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(spec.img_size),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(spec.mean, spec.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        with Image.open(self.paths[place]) as image:
            return self.transform(image.convert("RGB")), self.targets[place]
