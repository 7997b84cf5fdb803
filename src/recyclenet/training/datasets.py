"""The photos of a run as it looks at them, and each process's part of their batches."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from torch import Tensor

from recyclenet.config import Augment, Recipe, TrainConfig
from recyclenet.data.batches import PhotoDataset, PhotoLoader
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.splits import PhotoRecord
from recyclenet.data.transforms import create_transform, decode_side
from recyclenet.errors import PhotoError
from recyclenet.preprocess import PreprocessSpec
from recyclenet.training.team import Team

Batches = Iterator[tuple[Tensor, Tensor]]


def photo_dataset(
    config: TrainConfig, folder: PhotoFolder, records: tuple[PhotoRecord, ...], spec: PreprocessSpec, augment: Augment
) -> PhotoDataset:
    """Photos in views of a kind; `spec` is that of the evaluation view."""
    if augment != "none":
        spec = augmented_spec(config.recipe, spec)
    return PhotoDataset(
        folder.root,
        records,
        folder.classes,
        create_transform(augment, spec, config.recipe.surfaces, two_places=config.recipe.consistency > 0),
        decode_side(augment, spec),
        config.seed,
    )


def augmented_spec(recipe: Recipe, spec: PreprocessSpec) -> PreprocessSpec:
    """Augmented views of a recipe may be of another size than the evaluation view."""
    side = recipe.train_size
    if not side:
        return spec
    return replace(spec, img_size=side, resize=max(side, round(spec.resize * side / spec.img_size)))


def own_parts(
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
