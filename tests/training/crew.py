"""`recyclenet …` in several processes that train together, as torchrun starts them, but with torch loaded already."""

import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

from torch.distributed import TCPStore

from tests.training.kills import _command

_A_LONG_TIME = 120.0


class Crew:
    """So many processes, which meet here; their output goes to one file."""

    def __init__(self, size: int, arguments: Sequence[object], log: Path) -> None:
        self.log = log
        self._meeting = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.training.preload"])
        self.processes = []
        for rank in map(str, range(size)):
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1"}
            place |= {"MASTER_PORT": str(self._meeting.port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
            process = context.Process(target=_member, args=(place, [str(word) for word in arguments], str(log)))
            process.start()
            self.processes.append(process)

    def wait_for(self, file: Path, before: int | None = None) -> None:
        """Until a file is there, or where it was written `before`, is written anew."""
        while not file.exists() or file.stat().st_mtime_ns == before:
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


def _member(place: dict[str, str], arguments: list[str], log: str) -> None:
    os.environ.update(place)
    _command(arguments, log)
