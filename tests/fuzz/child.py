"""One target in a process of its own, so that a hang, a crash or a flood of memory ends nothing else.

    python -m tests.fuzz.child photo --engine atheris --cases 10000 --seed 1 --folder DIR

DIR gets the case that is being read, in `current`, and the smallest case of each fault. A line of JSON with the figures
so far comes now and then. A hang is not caught but ends the process by SIGALRM: no reader can swallow that.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import hypothesis

from tests.fuzz.hostile import MOST_BYTES, Target, random_edits
from tests.fuzz.judge import SECONDS, judge
from tests.fuzz.targets import load_target

ADDRESS_SPACE = 16 * 2**30
"""More than this in all is refused by the system, whatever a file asks for; libraries reserve some of it unused."""

_TELL_EVERY = 100
_WATCHED = ("recyclenet", "PIL", "tarfile", "zipfile", "csv", "tomllib", "timm")


@dataclasses.dataclass
class Figures:
    """What has happened so far; seconds and bytes are the largest of a single case."""

    cases: int = 0
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    memory: int = 0
    faults: dict[str, str] = dataclasses.field(default_factory=dict)  # what happened → name of the file that did it


class Runner:
    """Judges cases, keeps what is needed to go on after a crash, and ends the process when there were enough."""

    def __init__(self, read: Callable[[bytes], object], cases: int, seconds: float, folder: Path, told: TextIO) -> None:
        self.figures = Figures()
        self._read = read
        self._most = cases
        self._seconds = seconds
        self._told = told
        self.folder = folder
        self._current = os.open(folder / "current", os.O_RDWR | os.O_CREAT, 0o644)

    def __call__(self, data: bytes) -> None:
        """One case."""
        os.ftruncate(self._current, 0)
        os.pwrite(self._current, data, 0)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        verdict = judge(self._read, data, self._seconds)
        signal.setitimer(signal.ITIMER_REAL, 0)
        figures = self.figures
        figures.cases += 1
        figures.accepted += verdict.accepted
        figures.refused += not verdict.accepted and verdict.fault is None
        figures.seconds = max(figures.seconds, verdict.seconds)
        figures.memory = max(figures.memory, verdict.memory)
        if verdict.fault is not None:
            self._keep(verdict.fault, data)
        if figures.cases % _TELL_EVERY == 0 or figures.cases == self._most:
            self._tell()
        if figures.cases == self._most:
            os._exit(0)  # engines catch exceptions of every kind

    def _keep(self, fault: str, data: bytes) -> None:
        kept = self.figures.faults.get(fault)
        if kept is None or len(data) < (self.folder / kept).stat().st_size:
            name = hashlib.sha256(data).hexdigest()[:16] + ".bin"
            (self.folder / name).write_bytes(data)
            self.figures.faults[fault] = name
            self._tell()

    def _tell(self) -> None:
        print(json.dumps(dataclasses.asdict(self.figures)), file=self._told, flush=True)


def run_hypothesis(name: str, run: Callable[[Target], Runner], seed: int) -> None:
    """Edits drawn by hypothesis."""
    target = load_target(name)
    endless = hypothesis.settings(
        max_examples=10**9,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    runner = run(target)
    hypothesis.seed(seed)(endless(hypothesis.given(target.cases())(lambda data: runner(data))))()


def run_atheris(name: str, run: Callable[[Target], Runner], seed: int) -> None:
    """Guided by the code that cases reach: what reaches something new is damaged further."""
    import atheris

    with atheris.instrument_imports(include=list(_WATCHED)):
        target = load_target(name)
    runner = run(target)

    def mutate(data: bytes, max_size: int, number: int) -> bytes:
        rng = random.Random(number)
        way = rng.random()
        if way < 0.3:
            return target.random_case(rng)[:max_size]
        return bytes(atheris.Mutate(data, max_size)) if way < 0.6 else target.damage(data, random_edits(rng))[:max_size]

    seeds = runner.folder / "seeds"
    seeds.mkdir()
    for number, form in enumerate(target.forms):
        (seeds / str(number)).write_bytes(form.wrap(form.data))
    # Hangs and memory are the runner's business.
    options = (f"-seed={seed}", f"-max_len={MOST_BYTES}", "-timeout=0", "-rss_limit_mb=0", "-malloc_limit_mb=0")
    words = [sys.argv[0], *options, f"-artifact_prefix={runner.folder}/", str(seeds)]
    atheris.Setup(words, runner, custom_mutator=mutate)
    atheris.Fuzz()


def run_files(name: str, run: Callable[[Target], Runner], files: list[Path]) -> None:
    """Cases that are there already, each once."""
    runner = run(load_target(name))
    for file in files:
        runner(file.read_bytes())


ENGINES = {"hypothesis": run_hypothesis, "atheris": run_atheris}


def main() -> None:
    """Reads the words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", help="A module of tests.fuzz.targets.")
    parser.add_argument("files", type=Path, nargs="*", help="These cases, in place of new ones.")
    parser.add_argument("--engine", choices=ENGINES, default="hypothesis")
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="What takes longer hangs.")
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))

    told = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print

    def run(target: Target) -> Runner:
        return Runner(target.read, len(given.files) or given.cases, given.seconds, given.folder, told)

    if given.files:
        run_files(given.target, run, given.files)
    else:
        ENGINES[given.engine](given.target, run, given.seed)


if __name__ == "__main__":
    main()
