"""Features of the stages that stay as they are, computed once, in place of photos."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from recyclenet.config import TrainConfig
from recyclenet.data.batches import PhotoDataset, PhotoLoader, derive_seed, epoch_batches, in_order
from recyclenet.data.features import FeatureCache, gather
from recyclenet.data.folder import PhotoFolder
from recyclenet.errors import PhotoError, RecycleNetError
from recyclenet.models.classifier import Classifier
from recyclenet.models.folding import fold_norms
from recyclenet.models.stages import split_backbone
from recyclenet.preprocess import PreprocessSpec
from recyclenet.tensor_file import digest_tensors
from recyclenet.training.datasets import Batches, own_parts, photo_dataset
from recyclenet.training.device import Compute
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.progress import Watcher
from recyclenet.training.sources import EVAL_BATCH
from recyclenet.training.team import ALONE, Team
from recyclenet.training.unreadable import Unreadable


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
        for order in in_order(len(targets), EVAL_BATCH):
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
            order = in_order(len(dataset), EVAL_BATCH)
            with PhotoLoader(dataset, config.workers) as loader:
                for images, _ in own_parts(loader, order, epoch, team, add):
                    team.check(stop)
                    with torch.inference_mode(), compute.autocast():
                        part = folded(compute.place(images)).to("cpu", torch.float16)
                    features = team.rows(part, team.counts(len(part)))
                    yield features
                    done += len(features)
                    watcher.prepare(f"features, view {name}", done, len(dataset))

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
    plain = photo_dataset(config, folder, train, spec, "none")
    augmented = photo_dataset(config, folder, train, spec, config.recipe.augment)
    val_data = photo_dataset(config, folder, val, spec, "none")
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


def _features_key(config: TrainConfig, folder: PhotoFolder, spec: PreprocessSpec, lower: nn.Module) -> str:
    inputs = f"{folder.fingerprint()} {spec} {config.seed} {config.recipe.augment} {config.recipe.surfaces}"
    return digest_tensors(lower.state_dict(), inputs.encode())
