"""The part of recyclenet predict for photos without number: answers into a folder, as Parquet."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from recyclenet.cli.console import note, print_line, progress_bar
from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra

if TYPE_CHECKING:
    from recyclenet.bulk.engine import Engine
    from recyclenet.bulk.job import JobReport


@dataclass(frozen=True)
class BulkOptions:
    """The options of `predict` that only a bulk job has, as they were given; None: not given."""

    out: Path | None
    engine: str | None
    list_file: Path | None
    workers: int | None
    part_size: int | None
    ray_address: str | None

    def check(self, others: dict[str, bool]) -> bool:
        """Whether a bulk job is wanted.

        Args:
            others: by its name, whether an option was given that no bulk job has.

        Raises:
            RecycleNetError: options that do not go together.
        """
        given = {
            "--engine": self.engine,
            "--list": self.list_file,
            "--workers": self.workers,
            "--part-size": self.part_size,
            "--ray-address": self.ray_address,
        }
        named = [name for name, value in given.items() if value is not None]
        if self.out is None:
            if named:
                raise RecycleNetError(f"{named[0]} needs --out, a folder for the answers")
            return False
        if wrong := [name for name, is_given in others.items() if is_given]:
            raise RecycleNetError(f"{wrong[0]} and --out do not go together: --out writes Parquet files")
        if self.engine not in (None, "local", "ray"):
            raise RecycleNetError(f"--engine must be local or ray, not {self.engine!r}")
        if self.ray_address is not None and self.engine != "ray":
            raise RecycleNetError("--ray-address needs --engine ray")
        if self.workers is not None and self.workers < 1:
            raise RecycleNetError(f"--workers must be 1 or more, not {self.workers}")
        return True


def predict_into_folder(photos: list[str], model: Path | None, rules: str, options: BulkOptions, as_json: bool) -> None:
    """Answers into `options.out`; see `recyclenet predict --help`."""
    require_extra("ray" if options.engine == "ray" else "bulk", "--out")
    from recyclenet.bulk.job import PART_SIZE, run_job
    from recyclenet.bulk.work import Work
    from recyclenet.predictor import Predictor, model_name, read_model
    from recyclenet.rules import load_rules

    out = options.out or Path()
    work = Work(read_model(model), model_name(model), load_rules(rules))
    Predictor(work.model, threads=1, name=work.model_name)  # refused here rather than by every process
    with ExitStack() as stack:
        bar = stack.enter_context(progress_bar("listing"))
        report = run_job(
            photos,
            out,
            work,
            _engine(options),
            list_file=options.list_file,
            part_size=PART_SIZE if options.part_size is None else options.part_size,
            on_progress=bar.rename,
        )
    if as_json:
        print_line(json.dumps(_to_table(report, out)))
    else:
        typer.echo(_to_text(report, out))
    if not report.is_complete:
        rest = "what is there is whole. The same command goes on" if report.total else "the same command begins again"
        note(f"stopped; {rest}")
        raise typer.Exit(128 + (report.stopped_by or 0))
    if report.unreadable:
        note(f"{report.unreadable} of {report.total} photos could not be read")


def _engine(options: BulkOptions) -> "Engine":
    if options.engine == "ray":
        from recyclenet.bulk.ray_engine import RayEngine

        return RayEngine(options.ray_address, options.workers)
    from recyclenet.bulk.local import LocalEngine

    return LocalEngine(options.workers)


def _to_table(report: "JobReport", out: Path) -> dict[str, Any]:
    return {
        "out": str(out),
        "photos": report.total,
        "done": report.done,
        "unreadable": report.unreadable,
        "complete": report.is_complete,
        "answered_now": report.answered_now,
        "seconds": round(report.seconds, 3),
        "workers": report.workers,
        "machines": report.machines,
    }


def _to_text(report: "JobReport", out: Path) -> str:
    if not report.total:
        return "stopped while the photos were being listed: nothing is answered yet"
    text = f"{report.done} of {report.total} photos have their answer in {out}"
    if not report.answered_now:
        return text
    speed = f"{report.answered_now / report.seconds:.1f} photos/s" if report.seconds else "at once"
    return f"{text}; {report.answered_now} of them now, {speed}"
