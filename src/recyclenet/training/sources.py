"""Where a run's batches come from: photos through the whole network, or cached features through its top."""

from functools import cached_property
from typing import Protocol

from torch import Tensor

from recyclenet.config import TrainConfig
from recyclenet.data.batches import LoadedPhotos, PhotoLoader, epoch_batches, in_order
from recyclenet.data.folder import PhotoFolder
from recyclenet.models.classifier import Classifier
from recyclenet.models.stages import split_backbone
from recyclenet.preprocess import PreprocessSpec
from recyclenet.training.datasets import Batches, own_parts, photo_dataset
from recyclenet.training.team import ALONE, Team
from recyclenet.training.unreadable import Unreadable

EVAL_BATCH = 64


class Source(Protocol):
    """Batches for training and validation, and the part of the network that they go through.

    Of every batch a process gets its part of the team's, which may be empty; all processes get the same number of them.
    """

    @property
    def steps(self) -> int:
        """Batches in an epoch."""

    def forward(self, model: Classifier, inputs: Tensor) -> Tensor:
        """Inputs as they come from here → logits (N, K)."""

    def parts(self, model: Classifier, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs → what the stages that stay as they are make of them, and the backbone's features (N, C, h, w)."""

    def train_batches(self, epoch: int, start_step: int) -> Batches:
        """The epoch's batches from `start_step` on: inputs (N, …) float32, targets (N,) int64."""

    def plain_batches(self) -> Batches:
        """The train split in order, each photo as it is evaluated."""

    def val_batches(self) -> Batches:
        """The val split in order."""

    def close(self) -> None:
        """Ends what reads photos."""


class PhotoSource:
    """Photos, decoded and augmented anew each epoch, through the whole network.

    Args:
        config: the run's.
        folder: split.
        spec: the evaluation view.
        unreadable: photos that are left out; new ones are added.
        team: the processes that train together.
        train: what an index of the train split stands for, where it is not the augmented photo.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: PhotoFolder,
        spec: PreprocessSpec,
        unreadable: Unreadable,
        team: Team = ALONE,
        train: LoadedPhotos | None = None,
    ) -> None:
        photos = folder.split("train")
        self._config = config
        self._unreadable = unreadable
        self._team = team
        train = train or photo_dataset(config, folder, photos, spec, config.recipe.augment)
        self._train = PhotoLoader(train, config.workers)
        self._plain = photo_dataset(config, folder, photos, spec, "none")
        self._val = PhotoLoader(photo_dataset(config, folder, folder.split("val"), spec, "none"), config.workers)

    @cached_property
    def steps(self) -> int:
        """Batches in an epoch; asked for at every step, so the permutation behind it is drawn once."""
        return len(self._order(epoch=0))

    def forward(self, model: Classifier, inputs: Tensor) -> Tensor:
        """Images (N, 3, H, W) → logits (N, K)."""
        return model(inputs)  # type: ignore[no-any-return]

    def parts(self, model: Classifier, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, 3, H, W) → what the lower stages make of them, and features (N, C, h, w)."""
        lower, upper = split_backbone(model.backbone, self._config.recipe.trained_stages)
        lowered = lower(inputs)
        return lowered, upper(lowered)

    def train_batches(self, epoch: int, start_step: int) -> Batches:
        """Augmented images (N, 3, H, W), or (N, 6, H, W) in two places, and targets."""
        return self._readable(self._train, self._order(epoch)[start_step:], epoch)

    def plain_batches(self) -> Batches:
        """Images (N, 3, H, W) and targets."""
        with PhotoLoader(self._plain, self._config.workers) as loader:
            yield from self._evaluated(loader)

    def val_batches(self) -> Batches:
        """Images (N, 3, H, W) and targets."""
        return self._evaluated(self._val)

    def close(self) -> None:
        """Ends the processes that read photos."""
        self._train.close()
        self._val.close()

    def _evaluated(self, loader: PhotoLoader) -> Batches:
        return self._readable(loader, in_order(len(loader.dataset), EVAL_BATCH), epoch=0)

    def _readable(self, loader: PhotoLoader, batches: list[list[int]], epoch: int) -> Batches:
        """Own parts of the batches without photos that cannot be read: these are missing in their places."""
        names, unreadable, team = loader.dataset.names, self._unreadable, self._team
        loaded = own_parts(loader, batches, epoch, team, unreadable.add)
        for batch, (images, targets) in zip(batches, loaded, strict=True):
            there = [place for place, index in enumerate(team.part(batch)) if names[index] not in unreadable]
            yield (images, targets) if len(there) == len(targets) else (images[there], targets[there])

    def _order(self, epoch: int) -> list[list[int]]:
        total, recipe = len(self._train.dataset), self._config.recipe
        return epoch_batches(total, recipe.batch_size, seed=self._config.seed, epoch=epoch)
