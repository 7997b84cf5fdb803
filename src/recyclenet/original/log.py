"""Progress as the original printed it, line by line, for people and programs that read its logs."""

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recyclenet.evaluate import Evaluation, Model
from recyclenet.metrics import accuracy_counts, mean_nll
from recyclenet.report import class_table, headline, matrix_table
from recyclenet.training.progress import Step
from recyclenet.training.run_folder import Row


class OriginalLog:
    """A Watcher: a line after every `print_freq` steps, counted from 0, and the accuracy on val after each epoch.

    Args:
        print_freq: steps between two lines.
        note: told what the original did not print.
        on_epoch: called after an epoch is kept, with whether it is the best so far.
    """

    def __init__(self, print_freq: int, note: Callable[[str], None], on_epoch: Callable[[bool], None]) -> None:
        self._print_freq, self._note, self._on_epoch = print_freq, note, on_epoch
        self._means = _Means()

    def note(self, text: str) -> None:
        """Passed on."""
        self._note(text)

    def prepare(self, what: str, done: int, total: int) -> None:
        """The original's recipe computes none."""

    def step(self, step: Step) -> None:
        """As in: Epoch: [3][10/110]  Time 0.123 (0.140)  Data 0.004 (0.010)  Loss 1.2345 (1.3456)  Acc@1 62.5 (58)."""
        means = self._means
        means.add("Time", step.seconds, 1)
        means.add("Data", step.waited, 1)
        means.add("Loss", step.loss, step.photos)
        means.add("Acc@1", 100 * step.correct / step.photos, step.photos)
        if step.step % self._print_freq == 0:
            say(f"Epoch: [{step.epoch}][{step.step}/{step.steps}]\t{means}")

    def epoch(self, row: Row, epochs: int, best: bool) -> None:
        """As in:  * Acc@1 93.039."""
        self._means = _Means()
        say(f" * Acc@1 {100 * row['val_accuracy']:.3f}")
        self._on_epoch(best)


def logged(model: Model, targets: NDArray[np.int64], print_freq: int) -> Model:
    """The same model, which prints a line such as Test: [0/27] … after every `print_freq` batches.

    Args:
        model: what is evaluated.
        targets: (n,) classes of the photos in the order in which they will come.
        print_freq: batches between two lines.
    """
    means = _Means()
    done = batches = 0
    started = time.perf_counter()

    def logits_of(images: NDArray[np.float32]) -> NDArray[np.float32]:
        nonlocal done, batches, started
        logits = model.logits_of(images)
        part = targets[done : done + len(images)]
        now = time.perf_counter()
        means.add("Time", now - started, 1)
        means.add("Loss", mean_nll(logits, part), len(part))
        means.add("Acc@1", 100 * accuracy_counts(logits, part)[0] / len(part), len(part))
        if batches % print_freq == 0:
            # All batches but the last are as large as the first.
            total = batches + math.ceil((len(targets) - done) / len(part))
            say(f"Test: [{batches}/{total}]\t{means}")
        done, batches, started = done + len(part), batches + 1, now
        return logits

    return replace(model, logits_of=logits_of, features_of=None)


def say_evaluation(evaluation: Evaluation) -> None:
    """The original's one line, then what it left out: counts, interval, scores by class, confusion matrix."""
    scores = evaluation.scores
    say(f" * Acc@1 {100 * scores.accuracy:.3f}")
    say(headline(scores))
    for line in ("", *class_table(scores), "", *matrix_table(scores, evaluation.model.description.classes)):
        say(line)


def say(line: str) -> None:
    """One line on standard output, at once: logs are followed while they grow."""
    print(line, flush=True)  # noqa: T201 (the original's format)


class _Means:
    """Current values with their running means in brackets, as in: Loss 1.2345 (1.3456)."""

    def __init__(self) -> None:
        self._now: dict[str, float] = {}
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, value: float, count: int) -> None:
        self._now[name] = value
        self._sums[name] = self._sums.get(name, 0.0) + value * count
        self._counts[name] = self._counts.get(name, 0) + count

    def __str__(self) -> str:
        return "\t".join(
            f"{name} {now:{_FORMATS[name]}} ({self._sums[name] / self._counts[name]:{_FORMATS[name]}})"
            for name, now in self._now.items()
        )


_FORMATS = {"Time": ".3f", "Data": ".3f", "Loss": ".4f", "Acc@1": ".3f"}
