"""Many cases for one target: starts a child, again where one died, and gathers what was found."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.fuzz.child import Figures
from tests.fuzz.judge import SECONDS

Progress = Callable[[int, int | None], None]

CORPUS = Path(__file__).parent / "corpus"
_MOST_DEATHS = 20


@dataclass
class Result:
    """Of one target with one engine.

    Attributes:
        accepted: hostile files that the reader took, damage and all.
        refused: those that it refused with a documented error.
        seconds: that the slowest case took.
        memory: bytes that the greediest case added.
        faults: everything else: what happened → the file in the corpus that does it.
    """

    target: str
    engine: str
    cases: int = 0
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    memory: int = 0
    faults: dict[str, str] = field(default_factory=dict)

    def add(self, figures: Figures) -> None:
        """What a child has done."""
        self.cases += figures.cases
        self.accepted += figures.accepted
        self.refused += figures.refused
        self.seconds = max(self.seconds, figures.seconds)
        self.memory = max(self.memory, figures.memory)


def run_target(
    target: str, engine: str, cases: int, seed: int, on_progress: Progress = lambda *_: None, corpus: Path = CORPUS
) -> Result:
    """Runs the cases; files that do what they should not are kept.

    Args:
        target: a module of tests.fuzz.targets.
        engine: one of ENGINES.
        cases: how many.
        seed: the same cases, for hypothesis.
        on_progress: told (cases so far, cases).
        corpus: where they are kept.
    """
    result = Result(target, engine)
    for attempt in range(_MOST_DEATHS):
        if result.cases >= cases:
            break
        with tempfile.TemporaryDirectory(prefix="recyclenet-fuzz-") as name:
            folder = Path(name)
            words = [target, "--engine", engine, "--cases", str(cases - result.cases), "--seed", str(seed + attempt)]
            figures, death = _run_child(folder, words, partial(_tell, on_progress, result.cases, cases))
            result.add(figures)
            found = {fault: folder / file for fault, file in figures.faults.items()}
            if death is not None:
                result.cases += 1
                # Alone this time: on a busy machine anything can be slow once.
                if (fault := judge_apart(folder / "current", target)) is not None:
                    found[fault] = folder / "current"
            result.faults |= {fault: _keep(case, corpus / target) for fault, case in found.items()}
    return result


def judge_apart(case: Path, target: str, seconds: float = SECONDS) -> str | None:
    """The fault of one case, in a process of its own; None if there is none."""
    with tempfile.TemporaryDirectory(prefix="recyclenet-fuzz-") as name:
        figures, death = _run_child(Path(name), [target, str(case), "--seconds", str(seconds)], lambda _: None)
        return death or next(iter(figures.faults), None)


def _tell(on_progress: Progress, before: int, cases: int, done: int) -> None:
    on_progress(before + done, cases)


def _run_child(folder: Path, words: list[str], on_progress: Callable[[int], None]) -> tuple[Figures, str | None]:
    """Its last figures, and what it died of; None if it came to its end."""
    figures = Figures()
    (folder / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "tests.fuzz.child", *words, "--folder", str(folder)]
    with (
        (folder / "stderr").open("w+b") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment) as child,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            table: dict[str, Any] = json.loads(line)
            figures = Figures(**table)
            on_progress(figures.cases)
        code = child.wait()
        if code and not (folder / "current").exists():  # the child itself is at fault
            raise RuntimeError((folder / "stderr").read_text(errors="replace")[-2000:])
    if code == -signal.SIGALRM:
        return figures, "hang"
    if code == 0:
        return figures, None
    return figures, f"crash: {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"


def _keep(case: Path, folder: Path) -> str:
    """Copies it to where it stays, under a name made of its bytes; returns that with the folder's."""
    name = hashlib.sha256(case.read_bytes()).hexdigest()[:16] + ".bin"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(case, folder / name)
    return f"{folder.name}/{name}"
