"""recyclenet bench."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra

if TYPE_CHECKING:
    from recyclenet.bench.result import BenchTable
    from recyclenet.cli.console import Bar

_PARTS = ("answering", "steps", "starting", "throughput", "training", "gpu", "quick", "scaling")
_ON_PHOTOS = ("throughput", "training", "gpu", "quick")


def bench(
    parts: Annotated[
        list[str] | None, typer.Argument(help=f"What to measure: {', '.join(_PARTS)}.", show_default="all")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder, for throughput, training, gpu and quick.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="An exported .onnx file.", show_default="the bundled model")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Of each way to answer; the other parts take a fraction.")] = 60,
    arch: Annotated[str, typer.Option(help="Backbone of training and gpu.")] = "resnet18",
    pretrained: Annotated[
        Path | None, typer.Option(help="For quick: a file of timm's mobilenetv2_100.tf2_in1k weights.")
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="For quick: also count on test; once, when nothing is chosen any more.")
    ] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="For quick: as for train, e.g. recipe.views=3. May be repeated.")
    ] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Also torch.compile, which starts in minutes.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write bench.json and README.md into this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the tables.")] = False,
) -> None:
    """Measure speed beside what you would use otherwise: ways that take turns in one run, as ratios."""
    chosen = tuple(parts or _PARTS)
    if unknown := [part for part in chosen if part not in _PARTS]:
        raise RecycleNetError(f"unknown part {unknown[0]!r}: choose {', '.join(_PARTS)}")
    if not 4 <= rounds <= 100_000:
        raise RecycleNetError(f"--rounds must be 4 to 100,000, not {rounds}")
    if data is None and set(_ON_PHOTOS) & set(chosen):
        raise RecycleNetError(f"{', '.join(_ON_PHOTOS)} need photos: give --data DIR, or name the other parts alone")
    if pretrained is None and "quick" in chosen:
        raise RecycleNetError("quick needs pretrained weights: give --pretrained FILE, or name the other parts alone")
    require_extra("train", "bench")
    if "scaling" in chosen:
        require_extra("bulk", "bench scaling")
    from recyclenet.atomic import make_folder, write_text
    from recyclenet.bench.result import to_json, to_markdown
    from recyclenet.cli.console import progress_bar

    with progress_bar("rounds") as bar, tempfile.TemporaryDirectory() as scratch:
        jobs = _jobs(Path(scratch), data or Path(), model, rounds, arch, compiled=compiled, bar=bar)
        if pretrained is not None:
            jobs["quick"] = _quick(Path(scratch), data or Path(), pretrained, tuple(set_ or ()), test=test, bar=bar)
        tables = [table for part in _PARTS if part in chosen for table in jobs[part]()]
    if out is not None:
        command = f"recyclenet bench {' '.join(chosen)} --rounds {rounds}"
        make_folder(out)
        write_text(out / "bench.json", json.dumps(to_json(tables), indent=2) + "\n")
        write_text(out / "README.md", to_markdown(tables, command))
    if as_json:
        typer.echo(json.dumps(to_json(tables)))
    else:
        _print(tables)


def _jobs(
    scratch: Path, data: Path, model: Path | None, rounds: int, arch: str, *, compiled: bool, bar: "Bar"
) -> dict[str, Callable[[], tuple["BenchTable", ...]]]:
    """What measures each part; each imports what it needs when it runs."""
    from recyclenet.bench.bench_photos import write_bench_photos
    from recyclenet.data.folder import find_photos, open_photo_folder

    def named(name: str) -> Callable[[int, int], None]:
        return lambda done, total: bar.rename(name, done, total)

    def answering() -> tuple["BenchTable", ...]:
        from recyclenet.bench.answering import measure_answering

        return measure_answering(model, write_bench_photos(scratch), rounds, compiled=compiled, on_progress=bar.rename)

    def steps() -> tuple["BenchTable", ...]:
        from recyclenet.bench.steps import measure_steps

        return measure_steps(model, write_bench_photos(scratch), rounds, on_progress=bar.rename)

    def starting() -> tuple["BenchTable", ...]:
        from recyclenet.bench.starting import measure_starting

        photo = next(iter(write_bench_photos(scratch).values()))
        return (measure_starting(photo, scratch, max(3, rounds // 6), on_progress=named("starting")),)

    def throughput() -> tuple["BenchTable", ...]:
        from recyclenet.bench.throughput import measure_throughput

        photos = [str(path) for path in find_photos(data)]
        return (measure_throughput(model, photos, on_progress=named("throughput")),)

    def training() -> tuple["BenchTable", ...]:
        from recyclenet.bench.training_step import measure_training

        folder = open_photo_folder(data)
        return (measure_training(folder, arch, max(2, rounds // 12), on_progress=named("training")),)

    def gpu() -> tuple["BenchTable", ...]:
        from recyclenet.bench.gpu import measure_gpu_run, measure_gpu_step, why_no_gpu
        from recyclenet.bench.result import skipped

        if (reason := why_no_gpu()) is not None:
            return (skipped("training on a GPU", reason),)
        folder = open_photo_folder(data)
        step = measure_gpu_step(folder, arch, max(2, rounds // 12), on_progress=named("gpu"))
        return step, measure_gpu_run(data, arch, scratch)

    def scaling() -> tuple["BenchTable", ...]:
        from recyclenet.bench.scaling import measure_scaling

        return (measure_scaling(scratch, max(1, rounds // 60), on_progress=named("scaling")),)

    return {
        "answering": answering,
        "steps": steps,
        "starting": starting,
        "throughput": throughput,
        "training": training,
        "gpu": gpu,
        "scaling": scaling,
    }


def _quick(
    scratch: Path, data: Path, pretrained: Path, settings: tuple[str, ...], *, test: bool, bar: "Bar"
) -> Callable[[], tuple["BenchTable", ...]]:
    from recyclenet.bench.quick import measure_quick

    return lambda: (measure_quick(data, pretrained, scratch, test=test, settings=settings, on_progress=bar.rename),)


def _print(tables: list["BenchTable"]) -> None:
    from recyclenet.bench.result import aim_text, shown
    from recyclenet.cli.console import table_console

    console = table_console()
    for found in tables:
        if not found.lines:
            console.print(f"{found.title}: {' '.join(found.remarks)}", highlight=False)
            continue
        table = Table(f"{found.title} ({found.rounds} rounds)", found.unit, f"of the time of {found.reference}")
        for line in found.lines:
            table.add_row(Text(line.name), shown(line.taken), shown(line.ratio))
        console.print(table)
        for remark in (*map(aim_text, found.aims), *found.remarks):
            console.print(remark, highlight=False)
