"""recyclenet ablate."""

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as RichTable

from recyclenet.cli.console import note, table_console
from recyclenet.cli.model_options import ArchArg, three_numbers
from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra
from recyclenet.labels import TRASHNET_CLASSES

if TYPE_CHECKING:
    from recyclenet.ablation.run import Run
    from recyclenet.ablation.suites import Table
    from recyclenet.ablation.tables import FilledTable
    from recyclenet.config import Scalar, TrainConfig


def ablate(
    suite: Annotated[
        str,
        typer.Argument(
            help="What to compare: pretraining, modules, gates, combine, paper (all of these); or recipe: its settings."
        ),
    ],
    data: Annotated[Path, typer.Option(help="The data folder, split.")],
    out: Annotated[Path, typer.Option(help="The ablation's folder: runs and results.")],
    arch: Annotated[
        list[str] | None,
        typer.Option(help="resnet18/34/… or a timm backbone. May be repeated.", show_default="resnet18"),
    ] = None,
    arch_arg: ArchArg = None,
    seeds: Annotated[int, typer.Option(help="Runs of each variant, with the seeds 1, 2, …", min=1, max=1000)] = 3,
    pretrained: Annotated[
        str, typer.Option(help="imagenet (from the hub), a file of weights, or none: then all start from scratch.")
    ] = "imagenet",
    recipe: Annotated[str, typer.Option(help="paper, fast, best, or a TOML file of your own.")] = "paper",
    epochs: Annotated[int | None, typer.Option(help="Overrides the recipe.")] = None,
    mean: Annotated[str | None, typer.Option(help="Input mean, one number or three.")] = None,
    std: Annotated[str | None, typer.Option(help="Input standard deviation, likewise.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any other setting, e.g. recipe.mixup=0. May be repeated.")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="For the suite recipe: what one more line has otherwise, e.g. mixup=0 or epochs=40,lr=1e-3. May be "
            "repeated.",
            show_default="the recipe without each of its levers",
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            help="For the suite recipe: a trained model of the same classes, or bundled; one more line learns its "
            "answers, or the mean of several, by the share recipe.distill. May be repeated."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that decode photos, for each run.")] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, …")] = "auto",
    jobs: Annotated[int, typer.Option(help="Runs side by side; one a GPU is a good number.", min=1, max=64)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the tables.")] = False,
) -> None:
    """Measure what each choice is worth: many runs over seeds, in tables beside the original's figures.

    Finished runs are kept: the same command again goes on where a stopped one was, and with more --seeds, other
    --arch or another suite it does only what is missing.
    """
    require_extra("train", "an ablation")
    from recyclenet.config import ModelConfig, TrainConfig
    from recyclenet.recipes import load_recipe, override, parse_assignments

    settings = parse_assignments(set_ or ())
    if foreign := [key for key in settings if not key.startswith("recipe.")]:
        raise RecycleNetError(f"--set is for recipe.… alone, not for {', '.join(foreign)}: the rest has options")
    if pretrained not in ("imagenet", "none") and not Path(pretrained).is_file():
        raise RecycleNetError(f"no file of weights at {pretrained} (expected imagenet, none or a file)")
    given: dict[str, Any] = {
        "recipe.epochs": epochs,
        "mean": three_numbers(mean, "mean"),
        "std": three_numbers(std, "std"),
        "teachers": None if teacher is None else [str(path) for path in teacher],
    }
    changes = {key: value for key, value in given.items() if value is not None} | settings
    start = TrainConfig(str(data), ModelConfig(), load_recipe(recipe), pretrained, workers=workers, device=device)
    base = override(start, changes)
    tables = _tables(suite, arch or ["resnet18"], parse_assignments(arch_arg or ()), vary or [], base)

    from recyclenet.ablation.published import TEST_PHOTOS
    from recyclenet.ablation.queue import run_queue
    from recyclenet.ablation.report import to_json, write_report
    from recyclenet.ablation.results import RunResult
    from recyclenet.ablation.run import Run, environments, finished
    from recyclenet.ablation.tables import FilledTable, fill_tables
    from recyclenet.atomic import make_folder
    from recyclenet.cli.suite_progress import SuiteProgress
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.lock import lock_folder
    from recyclenet.training.describe import name_files

    folder = open_photo_folder(data)
    for split in ("train", "val", "test"):
        folder.split(split)
    variants = list({variant.key: variant for table in tables for variant in table.variants}.values())
    # All variants of one seed together: they share the features of frozen stages.
    runs = [
        Run(variant, seed, base)
        for name in dict.fromkeys(table.arch for table in tables)
        for seed in range(1, seeds + 1)
        for variant in variants
        if variant.model.arch == name
    ]
    _check(runs, folder.classes)
    make_folder(out)
    fingerprint = folder.fingerprint()
    results: dict[str, dict[int, RunResult]] = {}
    waiting = []
    for run in runs:
        result = finished(out, run, fingerprint)
        if result is None:
            waiting.append(run)
        else:
            results.setdefault(run.variant.key, {})[run.seed] = result

    published = folder.classes == TRASHNET_CLASSES and len(folder.split("test")) == TEST_PHOTOS

    def write() -> tuple[dict[str, Any], list[FilledTable], list[Path]]:
        facts = {
            "data": folder.root.resolve().name,
            "pretrained": Path(base.pretrained).name,
            **({"teachers": name_files(base.teachers)} if base.teachers else {}),
            "recipe": asdict(base.recipe),
            **environments(out, [run for run in runs if run.seed in results.get(run.variant.key, {})]),
            "command": shlex.join(["recyclenet", *sys.argv[1:]]),
        }
        filled = fill_tables(tables, results, published=published)
        return facts, filled, write_report(out, suite, facts, filled)

    console, done = Console(stderr=True), len(runs) - len(waiting)
    with lock_folder(out), SuiteProgress(console, total=len(runs), done=done) as progress:

        def on_done(run: Run, result: RunResult) -> None:
            results.setdefault(run.variant.key, {})[run.seed] = result
            progress.finished(run, result)
            write()

        stopped_by = run_queue(waiting, out, jobs=jobs, device=device, watcher=progress, on_done=on_done)
    facts, filled, paths = write()
    if as_json:
        typer.echo(json.dumps({"suite": suite, **facts, "tables": to_json(filled)}))
    else:
        _print(filled)
    typer.echo(f"written: {', '.join(str(path) for path in paths)}", err=as_json)
    if stopped_by is not None:
        note(f"stopped; every finished run is kept. Go on with:\n  {shlex.join(['recyclenet', *sys.argv[1:]])}")
        raise typer.Exit(128 + stopped_by)


def _check(runs: "list[Run]", classes: tuple[str, ...]) -> None:
    """Raises RecycleNetError for a variant that cannot be trained: in a moment, and not when its turn comes."""
    from recyclenet.training.device import choose_compute
    from recyclenet.training.settings import check_settings, create_spec
    from recyclenet.training.teachers import load_teachers

    configs = {run.variant.key: run.config for run in runs}
    for config in configs.values():
        check_settings(config)
    taught = next((config for config in configs.values() if config.teachers), None)
    if taught is not None:
        load_teachers(taught, classes, create_spec(taught), choose_compute("cpu"))


def _tables(
    suite: str, archs: list[str], arch_args: "dict[str, Scalar]", vary: list[str], base: "TrainConfig"
) -> "list[Table]":
    from recyclenet.ablation.suites import RECIPE, recipe_tables, suite_tables
    from recyclenet.recipes import parse_assignments

    pretrained = base.pretrained != "none"
    if suite == RECIPE:
        lines = [parse_assignments(line.split(",")) for line in vary]
        return recipe_tables(base.recipe, archs, arch_args, lines, pretrained=pretrained, teachers=bool(base.teachers))
    if vary or base.teachers:
        raise RecycleNetError(f"{'--vary' if vary else '--teacher'} goes with the suite {RECIPE}, not with {suite}")
    whole = not base.recipe.needs_pretrained
    return suite_tables(suite, archs, arch_args, pretrained=pretrained, whole_network=whole)


def _print(filled: "list[FilledTable]") -> None:
    from recyclenet.ablation.report import HEADINGS, cells

    console = table_console(width=200)
    for item in filled:
        table = RichTable(*HEADINGS, title=f"{item.table.title}: {item.table.arch}", title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for line in item.lines:
            table.add_row(*cells(line))
        console.print(table)
