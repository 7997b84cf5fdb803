"""Where a run's batches come from: photos through the whole network, or cached features through its top."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from recyclenet.config import Augment, TrainConfig
from recyclenet.data.batches import PhotoDataset, PhotoLoader, derive_seed, epoch_batches, in_order
from recyclenet.data.features import FeatureCache, gather
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.splits import PhotoRecord
from recyclenet.data.transforms import create_transform, decode_side
from recyclenet.errors import PhotoError, RecycleNetError
from recyclenet.models.classifier import Classifier
from recyclenet.models.folding import fold_norms
from recyclenet.models.stages import split_backbone
from recyclenet.preprocess import PreprocessSpec
from recyclenet.tensor_file import digest_tensors
from recyclenet.training.device import Compute
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.progress import Watcher
from recyclenet.training.team import ALONE, Team
from recyclenet.training.unreadable import Unreadable

Batches = Iterator[tuple[Tensor, Tensor]]

_EVAL_BATCH = 64


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
    """Photos, decoded and augmented anew each epoch, through the whole network."""

    def __init__(
        self,
        config: TrainConfig,
        folder: PhotoFolder,
        spec: PreprocessSpec,
        unreadable: Unreadable,
        team: Team = ALONE,
    ) -> None:
        self._config = config
        self._unreadable = unreadable
        self._team = team
        self._train = PhotoLoader(
            _dataset(config, folder, folder.split("train"), spec, config.recipe.augment), config.workers
        )
        self._plain = _dataset(config, folder, folder.split("train"), spec, "none")
        self._val = PhotoLoader(_dataset(config, folder, folder.split("val"), spec, "none"), config.workers)

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
        """Augmented images (N, 3, H, W) and targets."""
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
        return self._readable(loader, in_order(len(loader.dataset), _EVAL_BATCH), epoch=0)

    def _readable(self, loader: PhotoLoader, batches: list[list[int]], epoch: int) -> Batches:
        """Own parts of the batches without photos that cannot be read: these are missing in their places."""
        names, unreadable, team = loader.dataset.names, self._unreadable, self._team
        loaded = _parts(loader, batches, epoch, team, unreadable.add)
        for batch, (images, targets) in zip(batches, loaded, strict=True):
            there = [place for place, index in enumerate(team.part(batch)) if names[index] not in unreadable]
            yield (images, targets) if len(there) == len(targets) else (images[there], targets[there])

    def _order(self, epoch: int) -> list[list[int]]:
        total, recipe = len(self._train.dataset), self._config.recipe
        return epoch_batches(total, recipe.batch_size, seed=self._config.seed, epoch=epoch)


@dataclass(frozen=True)
class FeatureSource:
    """Features (N, C, h, w) of the stages that stay as they are, through the rest; built by `compute_features`."""

    config: TrainConfig
    views: tuple[Tensor, ...]  # of the train split, (n, C, h, w) float16 each
    targets: Tensor
    readable: Tensor  # (n,) bool: where it is false, features mean nothing
    val_view: Tensor
    val_targets: Tensor
    val_readable: Tensor
    team: Team = ALONE

    @cached_property
    def steps(self) -> int:
        """Batches in an epoch; asked for at every step, so the permutation behind it is drawn once."""
        return len(self._order(epoch=0))

    def forward(self, model: Classifier, inputs: Tensor) -> Tensor:
        """Features (N, C, h, w) → logits (N, K)."""
        return model.forward_head(self.parts(model, inputs)[1])

    def parts(self, model: Classifier, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, C, h, w) as they come, and the backbone's."""
        _, upper = split_backbone(model.backbone, self.config.recipe.trained_stages)
        return inputs, upper(inputs)

    def train_batches(self, epoch: int, start_step: int) -> Batches:
        """Each photo once an epoch, in one of its views drawn at random."""
        generator = torch.Generator().manual_seed(derive_seed(self.config.seed, epoch, 1))
        drawn = torch.randint(len(self.views), (len(self.targets),), generator=generator).tolist()
        for order in self._order(epoch)[start_step:]:
            batch = self.team.part([index for index in order if self.readable[index]])
            yield gather(self.views, [(drawn[index], index) for index in batch]), self.targets[batch]

    def plain_batches(self) -> Batches:
        """The evaluation view of the train split."""
        return self._in_batches(self.views[0], self.targets, self.readable)

    def val_batches(self) -> Batches:
        """The evaluation view of the val split."""
        return self._in_batches(self.val_view, self.val_targets, self.val_readable)

    def close(self) -> None:
        """Nothing reads photos any more."""

    def _order(self, epoch: int) -> list[list[int]]:
        return epoch_batches(len(self.targets), self.config.recipe.batch_size, seed=self.config.seed, epoch=epoch)

    def _in_batches(self, view: Tensor, targets: Tensor, readable: Tensor) -> Batches:
        for order in in_order(len(targets), _EVAL_BATCH):
            batch = self.team.part([index for index in order if readable[index]])
            yield view[batch].float(), targets[batch]


def compute_features(
    config: TrainConfig,
    folder: PhotoFolder,
    spec: PreprocessSpec,
    model: Classifier,
    compute: Compute,
    cache_folder: Path,
    stop: StopRequest,
    watcher: Watcher,
    unreadable: Unreadable,
    team: Team = ALONE,
) -> FeatureSource:
    """Runs every photo through the stages that stay as they are, once a view: the evaluation view, then augmented ones.

    Each process computes its part; the first one writes the files, which all of them read.

    Raises:
        PhotoError: more photos cannot be read than may be.
        RecycleNetError: another machine does not see the files.
        RunStopped: a stop was asked for; finished views are kept on disk.
    """
    lower, _ = split_backbone(model.backbone, config.recipe.trained_stages)
    cache = FeatureCache(cache_folder, _features_key(config, folder, spec, lower))

    def view(name: str, dataset: PhotoDataset, epoch: int) -> Tensor:
        lost: dict[str, str] = {}  # of this view: its file says so to the runs that find it

        def add(path: str, error: PhotoError) -> None:
            lost[path] = error.reason
            unreadable.add(path, error)

        def batches() -> Iterator[Tensor]:
            done = 0
            order = in_order(len(dataset), _EVAL_BATCH)
            with PhotoLoader(dataset, config.workers) as loader:
                for images, _ in _parts(loader, order, epoch, team, add):
                    team.check(stop)
                    with torch.inference_mode(), compute.autocast():
                        part = folded(compute.place(images)).to("cpu", torch.float16)
                    features = team.rows(part, team.counts(len(part)))
                    yield features
                    done += len(features)
                    watcher.features(name, done, len(dataset))

        def unseen() -> Iterator[Tensor]:
            raise RecycleNetError(
                f"{cache.folder} holds what the first process computed, but process {team.rank + 1} does not see it: "
                "the run's folder must be on a disk that all machines share, or set recipe.views to 0"
            )

        if team.by_lead(lambda: cache.has(name)):
            features = cache.view(name, unseen, lost)
        elif team.leads:
            features = cache.view(name, batches, lost)
            team.wait_for_all()
        else:
            for _ in batches():
                pass
            team.wait_for_all()
            features = cache.view(name, unseen, lost)
        for path, reason in lost.items():
            unreadable.add(path, PhotoError(folder.root / path, reason))
        return features

    def readable(dataset: PhotoDataset) -> Tensor:
        return torch.tensor([name not in unreadable for name in dataset.names])

    folded = fold_norms(lower.eval())
    train, val = folder.split("train"), folder.split("val")
    plain = _dataset(config, folder, train, spec, "none")
    augmented = _dataset(config, folder, train, spec, config.recipe.augment)
    val_data = _dataset(config, folder, val, spec, "none")
    views = [view("train-0", plain, 0)]
    views += [view(f"train-{number}", augmented, number) for number in range(1, config.recipe.views)]
    val_view = view("val", val_data, 0)
    return FeatureSource(
        config,
        tuple(views),
        torch.tensor(plain.targets),
        readable(plain),
        val_view,
        torch.tensor(val_data.targets),
        readable(val_data),
        team,
    )


def _parts(
    loader: PhotoLoader,
    batches: list[list[int]],
    epoch: int,
    team: Team,
    add: Callable[[str, PhotoError], None],
) -> Batches:
    """The own part of each batch; all processes `add` what one of them could not read, before the batch comes."""
    found: list[tuple[str, PhotoError]] = []

    def report(index: int, error: PhotoError) -> None:
        found.append((loader.dataset.names[index], error))

    parts = [team.part(batch) for batch in batches]
    # Where a part is empty one photo is loaded all the same, for the shape of what is not there.
    wanted = [part or batch[:1] for part, batch in zip(parts, batches, strict=True)]
    loaded = loader.batches(wanted, epoch=epoch, on_error=report)
    for part, (images, targets) in zip(parts, loaded, strict=True):
        for name, error in team.exchange(found):
            add(name, error)
        found.clear()
        yield images[: len(part)], targets[: len(part)]


def _dataset(
    config: TrainConfig, folder: PhotoFolder, records: tuple[PhotoRecord, ...], spec: PreprocessSpec, augment: Augment
) -> PhotoDataset:
    side = config.recipe.train_size
    if side and augment != "none":
        spec = replace(spec, img_size=side, resize=max(side, round(spec.resize * side / spec.img_size)))
    return PhotoDataset(
        folder.root,
        records,
        folder.classes,
        create_transform(augment, spec, config.recipe.surfaces),
        decode_side(augment, spec),
        config.seed,
    )


def _features_key(config: TrainConfig, folder: PhotoFolder, spec: PreprocessSpec, lower: nn.Module) -> str:
    inputs = f"{folder.fingerprint()} {spec} {config.seed} {config.recipe.augment} {config.recipe.surfaces}"
    return digest_tensors(lower.state_dict(), inputs.encode())
