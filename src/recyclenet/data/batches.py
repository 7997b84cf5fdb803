"""Photos in batches whose content depends on seed, epoch and place alone, not on workers or on stops."""

import atexit
import signal
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from recyclenet.data.splits import PhotoRecord
from recyclenet.data.transforms import Transform
from recyclenet.errors import PhotoError, RecycleNetError
from recyclenet.photo import load_photo

_READER_GONE = "a process that reads photos ended too early, perhaps for want of memory: try fewer --workers"


def derive_seed(*parts: int) -> int:
    """One 63-bit seed from several whole numbers, well mixed."""
    low, high = np.random.SeedSequence(parts).generate_state(2)
    return (int(high) << 32 | int(low)) & (2**63 - 1)


def epoch_batches(total: int, batch_size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Every index from 0 to total-1 once, shuffled, in batches; the same for the same seed and epoch.

    A last batch of one joins the batch before it: batch statistics of a single photo mean nothing.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, epoch))
    order = torch.randperm(total, generator=generator).tolist()
    batches = [order[start : start + batch_size] for start in range(0, total, batch_size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        single = batches.pop()
        batches[-1] += single
    return batches


class Loaded(NamedTuple):
    """One photo as the model gets it, or what else a dataset has of it; blank, with the reason, if it is unreadable."""

    image: Tensor
    target: int
    error: PhotoError | None = None


class LoadedPhotos(Dataset[Loaded]):
    """Something of each of some photos. An index is (epoch, i): what is random about it comes from seed, epoch and i.

    Args:
        names: of the photos.
        targets: of each.
        seed: of the run.
    """

    def __init__(self, names: Sequence[str], targets: Sequence[int], seed: int) -> None:
        self.names, self.targets, self.seed = names, targets, seed

    def __len__(self) -> int:
        return len(self.names)

    @contextmanager
    def chance(self, epoch: int, index: int) -> Iterator[None]:
        """Inside, torch's global generator is this place's own."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.seed, epoch, index))
            yield


class PhotoDataset(LoadedPhotos):
    """Decoded and transformed photos.

    A photo that cannot be read comes with its PhotoError, of which PhotoLoader speaks in the main process: an
    exception inside a worker would lose its type. `names` are the paths below the root.
    """

    def __init__(
        self,
        root: Path,
        records: Sequence[PhotoRecord],
        classes: Sequence[str],
        transform: Transform,
        min_side: int,
        seed: int,
    ) -> None:
        targets = [list(classes).index(record.label) for record in records]
        super().__init__([record.path for record in records], targets, seed)
        self.paths = [str(root / record.path) for record in records]
        self.transform = transform
        self.min_side = min_side

    def __getitem__(self, place: tuple[int, int]) -> Loaded:
        epoch, index = place
        found = None
        try:
            photo = load_photo(self.paths[index], min_side=self.min_side)
        except PhotoError as error:
            photo, found = Image.new("RGB", (self.min_side, self.min_side)), error
        with self.chance(epoch, index):
            return Loaded(self.transform(photo), self.targets[index], found)


class PhotoLoader:
    """A dataset's photos in batches, read by processes that start with this and end when it is closed.

    They are copies of the process that makes this, and share its memory until it writes to it: the less it has, the
    less is there twice. Make it before training begins.

    Args:
        dataset: the photos.
        workers: processes that decode; 0: this one.
    """

    def __init__(self, dataset: LoadedPhotos, workers: int) -> None:
        self.dataset = dataset
        self._wanted = _Wanted()
        self._given: Generator[tuple[Tensor, Tensor]] | None = None
        loader: DataLoader[Loaded] = DataLoader(
            dataset,
            batch_sampler=self._wanted,
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=_collate,
            worker_init_fn=_start_worker,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # for seeds that nothing here uses; drawn from nobody else's
        )
        # The only reference to it: with that its processes go, whoever still holds an error's traceback or a generator.
        self._open = [loader]
        # An interpreter that ends waits for its children, which do not know that.
        self._at_exit = partial(_close, weakref.ref(self))
        if workers:
            atexit.register(self._at_exit)
            for _ in loader:  # nothing is wanted yet, but the processes start
                pass

    def batches(
        self,
        batches: Sequence[Sequence[int]],
        *,
        epoch: int,
        on_error: Callable[[int, PhotoError], None] | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Images (N, 3, H, W) float32, or what else the dataset has, and targets (N,) int64 for each batch of indices.

        This ends what an earlier call gives; batches of that which were not taken are dropped.

        Args:
            batches: indices.
            epoch: of the transform's randomness.
            on_error: told (index, error) of each photo that cannot be read, before its batch comes; its image is blank.

        Raises:
            PhotoError: a photo cannot be read and there is no `on_error`; or what that raises.
            RecycleNetError: a process that reads ended before its work was done.
            ValueError: this is closed.
        """
        if not self._open:
            raise ValueError("this loader is closed")
        self._stop_giving()
        self._wanted.places = [[(epoch, index) for index in batch] for batch in batches]
        self._given = _give(self._open, batches, on_error)
        return self._given

    def close(self) -> None:
        """Ends the processes."""
        atexit.unregister(self._at_exit)
        self._stop_giving()
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _stop_giving(self) -> None:
        if self._given is not None:
            self._given.close()
            self._given = None


def _close(loader: weakref.ref[PhotoLoader]) -> None:
    if (there := loader()) is not None:
        there.close()


def _give(
    opened: list[DataLoader[Loaded]],
    batches: Sequence[Sequence[int]],
    on_error: Callable[[int, PhotoError], None] | None,
) -> Generator[tuple[Tensor, Tensor]]:
    # A batch is asked for from the process that made it, which may be gone by then.
    with explained_readers(ConnectionError, EOFError, FileNotFoundError):
        for indices, (images, targets, errors) in zip(batches, opened[0], strict=True):
            for index, error in zip(indices, errors, strict=True):
                if error is not None and on_error is None:
                    raise error
                if error is not None and on_error is not None:
                    on_error(index, error)
            yield images, targets


@contextmanager
def explained_readers(*means_it: type[Exception]) -> Iterator[None]:
    """Says what it means when a process that reads photos ends too early.

    Torch raises its error wherever the main process is when the system tells of the end: put this around all that is
    done between batches, too.

    Args:
        means_it: other errors that mean it.

    Raises:
        RecycleNetError: a process ended.
    """
    try:
        yield
    except means_it as error:
        raise RecycleNetError(_READER_GONE) from error
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise RecycleNetError(_READER_GONE) from error


class _Wanted(Sampler[list[tuple[int, int]]]):
    """The batches of the latest call, for a loader that stays."""

    def __init__(self) -> None:
        self.places: list[list[tuple[int, int]]] = []

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return iter(self.places)


def in_order(total: int, batch_size: int) -> list[list[int]]:
    """Indices 0 to total-1 in order, in batches."""
    return [list(range(start, min(start + batch_size, total))) for start in range(0, total, batch_size)]


def _collate(items: list[Loaded]) -> tuple[Tensor, Tensor, list[PhotoError | None]]:
    images = torch.stack([item.image for item in items])
    return images, torch.tensor([item.target for item in items]), [item.error for item in items]


def _start_worker(_worker: int) -> None:
    # A terminal's Ctrl-C and a service manager's SIGTERM reach the whole group; the main process handles them,
    # and its workers end when it does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)
