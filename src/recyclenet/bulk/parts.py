"""The folder of answers: part-000000.parquet and so on, each there whole or not at all."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recyclenet.atomic import replace_file
from recyclenet.errors import RecycleNetError

_JOB_KEY = b"recyclenet.job"
_PART = re.compile(r"part-(\d{6,})\.parquet")
_LEFTOVER = re.compile(r"\.[0-9a-f]{16}\.(parquet|json)")  # of `replace_file`, when it was killed


class PartFolder:
    """Answers of one job. Readers of a whole folder see the parts alone: other files begin with "_" or ".".

    Args:
        path: an existing folder.
        job: a fingerprint of the job, written into each part, so that a part of another job is never taken for one.
    """

    def __init__(self, path: Path, job: str) -> None:
        self.path = path
        self._job = job.encode()

    def file(self, number: int) -> Path:
        """Where a part is, or will be."""
        return self.path / f"part-{number:06}.parquet"

    def commit(self, number: int, answers: pa.Table) -> int:
        """Writes a part whole, with its fingerprint; returns how many of its photos could not be read.

        Raises:
            RecycleNetError: it cannot be written.
        """
        stamped = answers.replace_schema_metadata({_JOB_KEY: self._job})
        with replace_file(self.file(number)) as temporary:
            pq.write_table(stamped, temporary, compression="zstd")
        return len(answers) - int(answers["error"].null_count)

    def done(self) -> list[int]:
        """Numbers of the parts that are there, ascending."""
        return sorted(int(match[1]) for path in self.path.iterdir() if (match := _PART.fullmatch(path.name)))

    def check(self, number: int, photos: int) -> int:
        """Looks at a part's last bytes (not at its rows) and returns how many of its photos could not be read.

        Raises:
            RecycleNetError: damaged, of another job, or with another number of rows than `photos`.
        """
        path = self.file(number)
        advice = "delete it, and the same command answers its photos again"
        try:
            footer = pq.read_metadata(path)
        except (OSError, pa.ArrowException) as error:
            raise RecycleNetError(f"{path} is damaged: {advice}") from error
        if (footer.metadata or {}).get(_JOB_KEY) != self._job:
            raise RecycleNetError(f"{path} is not of this job: move it away, or choose another --out")
        if footer.num_rows != photos:
            raise RecycleNetError(f"{path} has {footer.num_rows} rows, expected {photos}: {advice}")
        column = footer.schema.names.index("error")
        groups = (footer.row_group(place).column(column).statistics for place in range(footer.num_row_groups))
        return photos - sum(int(statistics.null_count) for statistics in groups)

    def remove_leftovers(self) -> None:
        """Half-written files of a process that was killed. Only for who holds the folder's lock."""
        for path in self.path.iterdir():
            if _LEFTOVER.fullmatch(path.name):
                path.unlink()
