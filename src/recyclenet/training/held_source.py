"""Train photos decoded once, into the memory of the device, where each batch's views are made: for GPUs.

A processor that decodes and augments photos keeps up with a network on a processor, but not with one on a GPU.
"""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from recyclenet.config import TrainConfig
from recyclenet.data.batches import PhotoDataset, PhotoLoader
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.held.drawn import DrawnViews
from recyclenet.data.held.photos import HeldPhotos
from recyclenet.data.held.views import BatchViews
from recyclenet.data.transforms import decode_side
from recyclenet.errors import PhotoError, RecycleNetError
from recyclenet.machine import free_memory
from recyclenet.preprocess import PreprocessSpec
from recyclenet.training.datasets import Batches, augmented_spec
from recyclenet.training.device import Compute
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.progress import Watcher
from recyclenet.training.sources import PhotoSource
from recyclenet.training.team import ALONE, Team
from recyclenet.training.unreadable import Unreadable

_SHARE = 0.5  # of the free memory, for all processes: photos may lie there twice for a moment, and a network wants some
_LOOK_EVERY = 64
_WITHOUT = "leave out --photos device"


class HeldSource(PhotoSource):
    """As a PhotoSource, with views that on average are less than a level apart; val's views are kept, too.

    Photos are read once, and once more where a head is fitted to them as they are. In a team every process reads and
    holds all photos.

    Args:
        config: the run's; its recipe makes views of DRAWN_KINDS, on no other surfaces.
        folder: split.
        spec: the evaluation view.
        compute: on whose device photos are held.
        unreadable: photos that are left out; new ones are added.
        stop: looked at while photos are read.
        watcher: told how far that is.
        team: the processes that train together.

    Raises:
        PhotoError: more photos cannot be read than may be.
        RecycleNetError: not enough memory.
        RunStopped: a stop was asked for.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: PhotoFolder,
        spec: PreprocessSpec,
        compute: Compute,
        unreadable: Unreadable,
        stop: StopRequest,
        watcher: Watcher,
        team: Team = ALONE,
    ) -> None:
        self._compute, self._view = compute, augmented_spec(config.recipe, spec)
        augment = config.recipe.augment
        photos = PhotoDataset(
            folder.root,
            folder.split("train"),
            folder.classes,
            _pixels,
            decode_side(augment, self._view),
            config.seed,
        )
        lost: list[tuple[str, PhotoError]] = []
        val_bytes = 4 * 3 * spec.img_size**2 * len(folder.split("val"))
        free = _free_memory(compute.device)  # before anything is held: what lies there already is not wanted once more

        def read() -> Iterator[Tensor]:
            def report(index: int, error: PhotoError) -> None:
                lost.append((photos.names[index], error))
                if team.alone:  # at once: all of them may be, where the folder is a wrong one
                    unreadable.add(*lost[-1])

            taken = 0
            with PhotoLoader(photos, config.workers) as loader:
                batches = loader.batches([[index] for index in range(len(photos))], epoch=0, on_error=report)
                for number, (pixels, _) in enumerate(batches):
                    taken += pixels.numel()
                    wanted = taken
                    if number % _LOOK_EVERY == 0:
                        team.check(stop)
                        if number:  # one photo does not tell what all will take
                            wanted = taken * len(photos) // (number + 1)
                    _check_room(wanted + val_bytes, len(photos), compute.device, free, _SHARE / team.size)
                    watcher.prepare("reading photos", number + 1, len(photos))
                    yield pixels[0]

        try:
            held = HeldPhotos(read(), compute.device)
        except torch.OutOfMemoryError as full:
            raise RecycleNetError(f"{compute.device} has no room for {len(photos)} photos: {_WITHOUT}") from full
        self._views = BatchViews(held, self._view)
        for name, error in team.exchange(lost):
            unreadable.add(name, error)
        self._val_views: list[tuple[Tensor, Tensor]] | None = None
        drawn = DrawnViews(photos.names, photos.targets, held.sizes, augment, self._view.img_size, config.seed)
        super().__init__(config, folder, spec, unreadable, team, drawn)

    def train_batches(self, epoch: int, start_step: int) -> Batches:
        """Augmented images (N, 3, H, W), on the device, and targets."""
        ready = None
        for rows, targets in super().train_batches(epoch, start_step):
            # One batch ahead: a GPU makes these views while it is being told what to do with those before.
            made = self._views(rows), targets
            if ready is not None:
                yield ready
            ready = made
        if ready is not None:
            yield ready

    def val_batches(self) -> Batches:
        """Images (N, 3, H, W), on the device, and targets."""
        if self._val_views is not None:
            yield from self._val_views
            return
        kept = []
        for images, targets in super().val_batches():
            kept.append((self._compute.place(images), targets))
            yield kept[-1]
        self._val_views = kept


def _pixels(photo: Image.Image) -> Tensor:
    """(3, H, W) uint8."""
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1).contiguous()


def _free_memory(device: torch.device) -> int | None:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()


def _check_room(wanted: float, photos: int, device: torch.device, free: int | None, share: float) -> None:
    if free is not None and wanted > share * free:
        raise RecycleNetError(
            f"{photos} photos would take about {wanted / 2**30:.1f} GiB of the memory of {device}, which has "
            f"{free / 2**30:.1f} GiB free, and {100 * share:.0f} % of that is what they may take: {_WITHOUT}"
        )
