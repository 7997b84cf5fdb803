"""What a person sees of many runs: a bar over all of them with the time left, and a line for each that is done."""

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from recyclenet.ablation.results import RunResult
    from recyclenet.ablation.run import Run
    from recyclenet.training.progress import Step
    from recyclenet.training.run_folder import Row

_A_DAY = 86_400.0


class SuiteProgress:
    """A Watcher of the runs of a suite, of which `done` of `total` are finished already."""

    def __init__(self, console: Console, *, total: int, done: int) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[finished]} of {task.fields[all]} runs"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            speed_estimate_period=_A_DAY,  # runs are long and alike: all of them tell how fast it goes
        )
        self._left, self._total, self._finished, self._here = total - done, total, done, 0
        self._task = self._bar.add_task("", total=self._left, finished=done, all=total)

    def __enter__(self) -> "SuiteProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def finished(self, run: "Run", result: "RunResult") -> None:
        """A run is done: its line stays."""
        self._finished += 1
        self._here += 1
        self._bar.update(self._task, completed=self._here, finished=self._finished)
        self._console.print(
            f"{self._finished}/{self._total}  {run.key}: val {result.val_correct}/{result.val_total}, "
            f"test {result.correct}/{len(result.hits)}, {result.seconds / 60:.1f} minutes",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def note(self, text: str) -> None:
        """What single runs say is not shown."""

    def prepare(self, what: str, done: int, total: int) -> None:
        """Moves nothing: what share of a run this is is not known beforehand."""
        self._bar.update(self._task, description=f"{what}: {done}/{total}")

    def step(self, step: "Step") -> None:
        """Moves the bar by a step's share of a run."""
        share = (step.epoch * step.steps + step.step + 1) / (step.epochs * step.steps)
        self._bar.update(self._task, completed=self._here + share, description=f"epoch {step.epoch + 1}/{step.epochs}")

    def epoch(self, row: "Row", epochs: int, best: bool) -> None:
        """Nothing more than the steps."""
