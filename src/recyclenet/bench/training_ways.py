"""Ways to train one network on the same photos, each in a process of its own: they set memory up differently."""

import itertools
import multiprocessing
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from types import TracebackType
from unittest import mock

import torch
from PIL import Image
from rich.console import Console
from timm.data import ImageDataset, create_loader
from timm.optim import create_optimizer_v2
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from recyclenet.bench.in_turn import Rounds, time_in_turn
from recyclenet.config import ModelConfig, TrainConfig
from recyclenet.data.batches import PhotoDataset, PhotoLoader, epoch_batches
from recyclenet.data.folder import open_photo_folder
from recyclenet.data.splits import PhotoRecord
from recyclenet.data.transforms import create_transform, decode_side
from recyclenet.errors import RecycleNetError
from recyclenet.machine import usable_cores
from recyclenet.models.classifier import Classifier
from recyclenet.models.factory import create_classifier
from recyclenet.preprocess import PreprocessSpec
from recyclenet.recipes import load_recipe
from recyclenet.training.device import choose_compute
from recyclenet.training.heap import keep_heap
from recyclenet.training.held_source import HeldSource
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.progress import TrainProgress
from recyclenet.training.state import create_learner
from recyclenet.training.team import ALONE
from recyclenet.training.unreadable import Unreadable
from recyclenet.training.update import Updater

_PLAIN_WORKERS = 4
SPEC = PreprocessSpec()

Round = Callable[[], None]
Way = Callable[["Work"], AbstractContextManager[Round]]


@dataclass(frozen=True)
class Work:
    """What every way does in a round: updates by train photos of a folder.

    Attributes:
        root: of the photo folder.
        arch: of the network, which has the RecycleNet attention.
        steps: in a round.
        batch_size: photos a step.
        device: on which.
    """

    root: Path
    arch: str
    steps: int
    batch_size: int
    device: str = "cpu"

    def records(self) -> tuple[PhotoRecord, ...]:
        """The photos of a round, all of them there."""
        return open_photo_folder(self.root).split("train")[: self.steps * self.batch_size]

    def network(self) -> tuple[Classifier, int]:
        """New, the same every time, and its number of classes."""
        torch.manual_seed(0)
        classes = len(open_photo_folder(self.root).classes)
        return create_classifier(ModelConfig(arch=self.arch, attn="recyclenet"), classes), classes


class Elsewhere(AbstractContextManager["Elsewhere"]):
    """Ways in child processes, one each, which work when they are asked to and wait otherwise.

    Args:
        ways: by name; each gets the work once, gives what does a round, and tidies up. Functions of a module.
        work: what they do.
    """

    def __init__(self, ways: Mapping[str, Way], work: Work) -> None:
        context = _children()
        self._pipes: dict[str, Connection] = {}
        self._processes = []
        for name, way in ways.items():
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, way, work, multiprocessing.get_start_method()))
            process.start()
            there.close()
            self._pipes[name] = here
            self._processes.append(process)

    def seconds(self, name: str) -> float:
        """Does one round and says what it took.

        Raises:
            RecycleNetError: the way failed.
        """
        try:
            self._pipes[name].send(None)
            answer = self._pipes[name].recv()
        except (EOFError, OSError) as error:
            raise RecycleNetError(f"{name}: its process ended") from error
        if isinstance(answer, str):
            raise RecycleNetError(f"{name} failed: {answer}")
        return float(answer)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for pipe in self._pipes.values():
            pipe.close()
        for process in self._processes:
            process.join(10)
            if process.is_alive():  # in the middle of a round that nobody waits for
                process.kill()


def time_training(
    ways: Mapping[str, Way], work: Work, rounds: int, on_progress: Callable[[int, int], None] | None
) -> Rounds:
    """Seconds a photo by each way, in turns, after one round that does not count.

    Raises:
        RecycleNetError: a way failed.
    """
    with Elsewhere(ways, work) as elsewhere:
        asked = {name: lambda name=name: elsewhere.seconds(name) for name in ways}
        taken = time_in_turn(asked, rounds, warm_ups=1, seconds_of=float, on_progress=on_progress)
    return {name: seconds / (work.steps * work.batch_size) for name, seconds in taken.items()}


def _children() -> SpawnContext | ForkServerContext:
    """Clean processes: a server that has imported all this, and nothing else, is forked where the system can."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _serve(pipe: Connection, way: Way, work: Work, start_method: str) -> None:
    # A child starts its own as it was started, unless told otherwise: loaders here are to be what they are anywhere.
    multiprocessing.set_start_method(start_method, force=True)
    run: Round | None = None
    with ExitStack() as held:
        while True:
            try:
                pipe.recv()
            except (EOFError, OSError):  # nobody asks any more
                return
            try:
                run = run or held.enter_context(way(work))
                started = time.perf_counter()
                run()
                if torch.device(work.device).type == "cuda":  # what was asked of a GPU is to be done, too
                    torch.cuda.synchronize()
                pipe.send(time.perf_counter() - started)
            except Exception as error:  # whatever it is, the parent says it
                pipe.send("".join(traceback.format_exception_only(error)).strip())


@contextmanager
def own_step(work: Work) -> Iterator[Round]:
    """As `recyclenet train` does it."""
    update = _updates(work)
    with own_batches(work) as batches:
        yield lambda: update(batches())


@contextmanager
def own_step_giving_memory_back(work: Work) -> Iterator[Round]:
    """The same with malloc as it is."""
    update = _updates(work, keeps=False)
    with own_batches(work) as batches:
        yield lambda: update(batches())


@contextmanager
def own_step_in_bf16_throughout(work: Work) -> Iterator[Round]:
    """The same with every gradient in the type of its forward pass."""
    update = _updates(work)

    def run() -> None:
        with mock.patch("recyclenet.training.update.fast_depthwise", return_value=nullcontext()):
            update(batches())

    with own_batches(work) as batches:
        yield run


@contextmanager
def held_step(work: Work, *, compiled: bool) -> Iterator[Round]:
    """As `recyclenet train --photos device` does it, and --compile."""
    update = _updates(work, compiled=compiled)
    recipe = replace(load_recipe("paper"), batch_size=work.batch_size)
    model = ModelConfig(arch=work.arch, attn="recyclenet")
    config = TrainConfig(str(work.root), model, recipe, workers=usable_cores(), device=work.device, photos="device")
    compute = choose_compute(work.device, "auto", channels_last=True)
    quiet = TrainProgress(Console(quiet=True))
    folder = open_photo_folder(work.root)
    unreadable = Unreadable({}, 0.0, len(folder.split("train")), quiet.note)
    epochs = itertools.count()
    with closing(HeldSource(config, folder, SPEC, compute, unreadable, StopRequest(), quiet)) as source:
        yield lambda: update(itertools.islice(source.train_batches(next(epochs), 0), work.steps))


@contextmanager
def network_alone(work: Work, *, compiled: bool = False) -> Iterator[Round]:
    """The same updates, by one batch that lies ready."""
    update = _updates(work, compiled=compiled)
    size = work.batch_size
    ready = torch.zeros(size, 3, SPEC.img_size, SPEC.img_size), torch.zeros(size, dtype=torch.int64)
    images, targets = (tensor.to(work.device) for tensor in ready)
    yield lambda: update(iter([(images, targets)] * work.steps))


class _Photos:
    """The source of batches as the updater knows it."""

    def forward(self, model: Classifier, inputs: Tensor) -> Tensor:
        return model(inputs)  # type: ignore[no-any-return]


def _updates(
    work: Work, *, keeps: bool = True, compiled: bool = False
) -> Callable[[Iterator[tuple[Tensor, Tensor]]], None]:
    if keeps:
        keep_heap()
    recipe = replace(load_recipe("paper"), batch_size=work.batch_size)
    compute = choose_compute(work.device, "auto", channels_last=True)
    model, _ = work.network()
    model = model.to(memory_format=compute.layout).to(compute.device).train()
    updater = Updater(
        create_learner(model, recipe, attn_in_blocks=False),
        _Photos(),  # type: ignore[arg-type]
        None,
        None,
        compute,
        ALONE,
        lambda what, value: None,
        compiled=compiled,
    )

    def update(batches: Iterator[tuple[Tensor, Tensor]]) -> None:
        for number, (images, targets) in enumerate(batches):
            updater.update(images, targets, [len(targets)], number)

    return update


@contextmanager
def own_batches(work: Work) -> Iterator[Callable[[], Iterator[tuple[Tensor, Tensor]]]]:
    """An epoch of nothing but the round's photos, as often as it is called."""
    folder = open_photo_folder(work.root)
    transform = create_transform("paper", SPEC)
    side = decode_side("paper", SPEC)
    dataset = PhotoDataset(folder.root, work.records(), folder.classes, transform, side, seed=0)
    order = epoch_batches(len(dataset), work.batch_size, seed=0, epoch=0)
    with PhotoLoader(dataset, usable_cores()) as loader:
        yield lambda: loader.batches(order, epoch=0)


@contextmanager
def plain_loop(work: Work) -> Iterator[Round]:
    """As the original's recipe is written down: photos in full by four workers, float32, channels first."""
    recipe = load_recipe("paper")
    model, _ = work.network()
    model.to(work.device).train()
    optimizer = torch.optim.SGD(model.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay)
    loss_of = nn.CrossEntropyLoss()

    def run() -> None:
        for images, targets in plain_batches(work):
            loss = loss_of(model(images.to(work.device)), targets.to(work.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    yield run


def plain_batches(work: Work) -> Iterator[tuple[Tensor, Tensor]]:
    """As anybody would write it."""
    classes = open_photo_folder(work.root).classes
    records = work.records()
    dataset = _PlainPhotos(
        [work.root / record.path for record in records], [classes.index(record.label) for record in records]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # four workers are what the original's recipe says, however few cores there are
        return iter(DataLoader(dataset, batch_size=work.batch_size, shuffle=True, num_workers=_PLAIN_WORKERS))


class _PlainPhotos(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, paths: Sequence[Path], targets: Sequence[int]) -> None:
        self.paths, self.targets = paths, targets
        self.transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(SPEC.img_size),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(SPEC.mean, SPEC.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        with Image.open(self.paths[place]) as image:
            return self.transform(image.convert("RGB")), torch.tensor(self.targets[place])


@contextmanager
def timm_blocks(work: Work) -> Iterator[Round]:
    """By timm's loader and optimizer, with what its training script offers for the CPU: bfloat16 and channels last."""
    recipe, compute = load_recipe("paper"), choose_compute("cpu", "auto", channels_last=True)
    model, _ = work.network()
    model.to(memory_format=torch.channels_last).train()
    optimizer = create_optimizer_v2(
        model, opt="momentum", lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    loss_of = nn.CrossEntropyLoss()
    loader = _timm_loader(work)

    def run() -> None:
        for images, targets in loader:
            with torch.autocast("cpu", torch.bfloat16, enabled=compute.bf16):
                loss = loss_of(model(images.contiguous(memory_format=torch.channels_last)), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    yield run


def _timm_loader(work: Work) -> DataLoader[tuple[Tensor, Tensor]]:
    classes = open_photo_folder(work.root).classes
    dataset = ImageDataset(str(work.root), class_map={label: place for place, label in enumerate(classes)})
    dataset.reader.samples = [(str(work.root / r.path), classes.index(r.label)) for r in work.records()]
    loader: DataLoader[tuple[Tensor, Tensor]] = create_loader(
        dataset,
        input_size=(3, SPEC.img_size, SPEC.img_size),
        batch_size=work.batch_size,
        is_training=True,
        color_jitter=0.0,
        interpolation="bilinear",
        mean=SPEC.mean,
        std=SPEC.std,
        num_workers=usable_cores(),
        use_prefetcher=False,  # it is for GPUs
        device=torch.device("cpu"),
    )
    return loader
