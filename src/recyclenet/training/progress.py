"""Who is told of a run as it goes: a bar with time left and a line an epoch for people, quiet when nobody looks."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from recyclenet.training.run_folder import Row


@dataclass(frozen=True)
class Step:
    """One update of the weights.

    epoch and step count from 0, within a run of `epochs` epochs of `steps` steps. loss is the batch's mean, correct
    of its `photos` photos were answered right. seconds is the step's whole duration, of which `waited` for photos.
    """

    epoch: int
    step: int
    epochs: int
    steps: int
    loss: float
    correct: int
    photos: int
    seconds: float
    waited: float


class Watcher(Protocol):
    """Told of everything that happens in a run; what it does with that changes nothing in the run."""

    def note(self, text: str) -> None:
        """A line for people."""

    def prepare(self, what: str, done: int, total: int) -> None:
        """Before the first step: `done` of `total` photos are ready, in the way that `what` says."""

    def step(self, step: Step) -> None:
        """The weights were updated."""

    def epoch(self, row: Row, epochs: int, best: bool) -> None:
        """An epoch was trained and validated; `best` if it is the best so far."""


class TrainProgress:
    """A Watcher for people: a live bar over the whole run, on standard error; plain lines when that is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("training", total=None)

    def __enter__(self) -> "TrainProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def note(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def prepare(self, what: str, done: int, total: int) -> None:
        """Moves the bar over the photos."""
        self._bar.update(self._task, description=what, completed=done, total=total)

    def step(self, step: Step) -> None:
        """Moves the bar over the steps of the whole run."""
        self._bar.update(
            self._task,
            description=f"epoch {step.epoch + 1}, loss {step.loss:.3f}",
            completed=step.epoch * step.steps + step.step + 1,
            total=step.epochs * step.steps,
        )

    def epoch(self, row: Row, epochs: int, best: bool) -> None:
        """The epoch's figures."""
        self.note(
            f"epoch {row['epoch']:.0f}/{epochs}  train loss {row['train_loss']:.4f}  val loss {row['val_loss']:.4f}  "
            f"val {row['val_correct']:.0f}/{row['val_total']:.0f} ({100 * row['val_accuracy']:.1f} %)  "
            f"{row['images_per_second']:.0f} images/s{'  best so far' if best else ''}"
        )
