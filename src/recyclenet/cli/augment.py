"""recyclenet augment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recyclenet.cli.console import note, progress_bar
from recyclenet.errors import PhotoError, RecycleNetError
from recyclenet.extras import require_extra

if TYPE_CHECKING:
    from recyclenet.augment.plan import Plan


def augment(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="A data folder as for train, split or not. It is only read.")
    ],
    target: Annotated[Path, typer.Argument(metavar="DST", help="A new folder, or one that this command left undone.")],
    probability: Annotated[
        str,
        typer.Option(
            help="low (0.1), mid (0.3) or high (0.5): how often brightness, contrast, transposition, noise and shadow "
            "are applied. One crop, rotation, flip, blur and distortion always are, as in the original."
        ),
    ] = "low",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes, with any number of workers.")] = 1234,
    copies: Annotated[int, typer.Option(help="Copies of each photo by each group: basic, affine, distort.")] = 1,
    split: Annotated[str, typer.Option(help="Whose photos get copies: train, val, test or all.")] = "train",
    originals: Annotated[
        bool,
        typer.Option(
            "--originals/--no-originals", help="Take the photos of all splits over unchanged, or make copies alone."
        ),
    ] = True,
    preview: Annotated[
        bool, typer.Option("--preview", help="First write DST/preview.png: each transform on one photo.")
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Processes.", show_default="all cores")] = None,
) -> None:
    """Make augmented copies of photos: DST is a data folder to train on.

    Copies are JPEGs (quality 95) beside their photo, glass1_affine_1.jpg for glass1.jpg, in its class and split, as
    DST/splits.csv says; an SRC without a split gets there the one that train would make. Photos for val and test go
    over unchanged unless --split says otherwise. Unreadable photos are reported and left out (exit code 1). After
    Ctrl-C the same command goes on.
    """
    require_extra("augment", "augmentation")
    from recyclenet.atomic import make_folder
    from recyclenet.augment.job import run_plan
    from recyclenet.augment.plan import Settings, make_plan, open_target
    from recyclenet.augment.source import open_source
    from recyclenet.lock import lock_folder

    if workers is not None and workers < 1:
        raise RecycleNetError(f"--workers must be 1 or more, not {workers}")
    settings = Settings(probability, seed, copies, split, originals)
    folder, decided = open_source(source)
    plan = make_plan(folder, target, settings)
    with lock_folder(make_folder(target)):
        open_target(plan)
        if decided is not None:
            note(f"{source} has no split of its own; copies keep to {decided}")
        if preview:
            _write_preview(plan)
        with progress_bar("photos") as bar:
            report = run_plan(plan, workers=workers, on_progress=bar)
    for error in report.failed:
        note(str(error))
    if report.stopped_by is not None:
        note(f"stopped; {report.originals + report.copies} files are there and whole. The same command goes on")
        raise typer.Exit(128 + report.stopped_by)
    typer.echo(f"{report.copies} copies and {report.originals} originals in {target}")
    if report.failed:
        note(f"{len(report.failed)} of {len(plan.photos)} photos could not be used")
        raise typer.Exit(1)


def _write_preview(plan: "Plan") -> None:
    """Shows the first photo that gets copies and can be read and augmented."""
    from recyclenet.atomic import replace_file
    from recyclenet.augment.preview import preview_sheet
    from recyclenet.photo import load_photo

    for planned in plan.photos:
        if not planned.copies:
            continue
        source = plan.source / planned.record.path
        try:
            sheet = preview_sheet(load_photo(source), plan.settings.probability, plan.settings.seed, source)
        except PhotoError:  # reported when its turn comes
            continue
        path = plan.target / "preview.png"
        with replace_file(path) as temporary:
            sheet.save(temporary)
        note(f"wrote {path}")
        return
    raise RecycleNetError(f"no photo in {plan.source} can be read and augmented")
