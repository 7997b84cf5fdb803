"""What a person sees of a run: a bar with time left and a line an epoch; quiet when nobody looks."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from recyclenet.training.run_folder import Row


class TrainProgress:
    """A live bar over the steps of the whole run, on standard error; plain lines when that is not a terminal."""

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

    def features(self, view: str, done: int, total: int) -> None:
        """Frozen backbone: `done` of `total` photos of a view."""
        self._bar.update(self._task, description=f"features, view {view}", completed=done, total=total)

    def step(self, epoch: int, done: int, total: int, loss: float) -> None:
        """`done` of `total` steps of the whole run."""
        self._bar.update(self._task, description=f"epoch {epoch}, loss {loss:.3f}", completed=done, total=total)

    def epoch(self, row: Row, epochs: int, best: bool) -> None:
        """The epoch's figures."""
        self.note(
            f"epoch {row['epoch']:.0f}/{epochs}  train loss {row['train_loss']:.4f}  val loss {row['val_loss']:.4f}  "
            f"val {row['val_correct']:.0f}/{row['val_total']:.0f} ({100 * row['val_accuracy']:.1f} %)  "
            f"{row['images_per_second']:.0f} images/s{'  best so far' if best else ''}"
        )
