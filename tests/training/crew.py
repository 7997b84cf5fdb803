"""`recyclenet …` in several processes that train together, as torchrun starts them, but with torch loaded already."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from torch.distributed import TCPStore

from recyclenet.training import update
from tests.training.kills import _command

_A_LONG_TIME = 120.0


class Crew:
    """So many processes, which meet here; their output goes to one file.

    `interrupted`: (rank, number of an update) of the one that gets a SIGINT in the middle of that update.
    """

    def __init__(
        self, size: int, arguments: Sequence[object], log: Path, interrupted: tuple[int, int] | None = None
    ) -> None:
        self.log = log
        self._meeting = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.training.preload"])
        self.processes = []
        for rank in map(str, range(size)):
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1"}
            place |= {"MASTER_PORT": str(self._meeting.port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
            after = interrupted[1] if interrupted and str(interrupted[0]) == rank else None
            words = [str(word) for word in arguments]
            process = context.Process(target=_member, args=(place, words, str(log), after))
            process.start()
            self.processes.append(process)

    def wait_for(self, file: Path) -> None:
        """Until a file is there."""
        while not file.exists():
            self.processes[0].join(0.005)
            assert self.processes[0].exitcode is None, self.said()

    def finish(self) -> list[int | None]:
        """Their exit codes, when all have ended."""
        for process in self.processes:
            process.join(_A_LONG_TIME)
        codes = [process.exitcode for process in self.processes]
        for process in self.processes:
            process.kill()
        return codes

    def said(self) -> str:
        """What they printed."""
        return self.log.read_text()


def _member(place: dict[str, str], arguments: list[str], log: str, interrupted_after: int | None) -> None:
    os.environ.update(place)
    if interrupted_after is not None:
        original, done = update.Updater.update, []

        def updated(self, *arguments):
            done.append(1)
            if len(done) == interrupted_after:
                os.kill(os.getpid(), signal.SIGINT)
            return original(self, *arguments)

        update.Updater.update = updated
    _command(arguments, log)
