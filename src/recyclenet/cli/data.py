"""recyclenet data fetch, recyclenet data split; recyclenet data audit is a file of its own."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recyclenet.cli.audit import audit
from recyclenet.cli.console import note, progress_bar
from recyclenet.errors import RecycleNetError

if TYPE_CHECKING:
    from recyclenet.data.folder import PhotoFolder
    from recyclenet.data.splits import PhotoRecord

data = typer.Typer(help="Get photos, look for what is wrong with them, divide them.", no_args_is_help=True)
data.command()(audit)


@data.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Which dataset: trashnet.")],
    out: Annotated[Path, typer.Option(help="The folder to fill.")],
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Take it from this folder or zip instead of the network.", show_default=False),
    ] = None,
) -> None:
    """Get TrashNet (2,527 photos), check every photo, and write its official split."""
    from recyclenet.data.fetch import fetch_trashnet
    from recyclenet.data.folder import open_photo_folder

    if name != "trashnet":
        raise RecycleNetError(f"unknown dataset {name!r}; known: trashnet")
    with progress_bar("TrashNet") as bar:
        report = fetch_trashnet(out, source, on_progress=bar.rename)
    _print_counts(open_photo_folder(out))
    typer.echo(f"{report.added} photos added, {report.kept} were there; all checked. Split: {out / 'splits.csv'}")


@data.command()
def split(
    folder: Annotated[Path, typer.Argument(help="A folder of class folders.", metavar="DIR")],
    seed: Annotated[int, typer.Option(help="Same seed, same split.")] = 1234,
    fractions: Annotated[str, typer.Option(help="Shares of train, val and test.")] = "0.70,0.13,0.17",
    group_duplicates: Annotated[
        bool, typer.Option("--group-duplicates", help="Photos of one picture, as audit finds them, stay in one split.")
    ] = False,
    folds: Annotated[
        int | None,
        typer.Option(
            help="For cross-validation: write so many splits, each photo in the test of exactly one. Train and val "
            "share the rest in the proportion of --fractions.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a split that is there.")] = False,
) -> None:
    """Divide class folders into train, val and test, each class alike, and write splits.csv.

    With --folds 5 it writes splits-fold1of5.csv to splits-fold5of5.csv instead, and the folder's own split stays as
    it is: give one of these files to train or evaluate in place of the folder.
    """
    from recyclenet.data.folder import open_photo_folder, split_photo_folder
    from recyclenet.data.folds import fold_files, write_folds
    from recyclenet.data.splits import SPLITS, SPLITS_FILE, split_records

    try:
        shares = [float(part) for part in fractions.split(",")]
    except ValueError:
        raise RecycleNetError(f"--fractions must be three numbers with commas between, not {fractions!r}") from None
    opened = open_photo_folder(folder, ignore_splits_file=force)
    if folds is not None:
        files = fold_files(opened, folds, force=force)
        groups = _groups(opened) if group_duplicates else {}
        write_folds(files, opened, groups, seed=seed, fractions=shares)
        typer.echo(f"wrote {files[0]} to {files[-1].name}")
        return
    if opened.is_split and not force and not group_duplicates and not (folder / SPLITS_FILE).exists():
        _print_counts(opened)
        missing = [name for name in SPLITS if name not in opened.counts()]
        typer.echo(
            f"{folder} is divided already and taken as it is"
            + (f"; it has no {' and no '.join(missing)} photos" if missing else "")
        )
        return
    # Only after it is clear that a split may be written are the photos looked at: that takes a while.
    splitter = partial(_grouped, opened) if group_duplicates else split_records
    _print_counts(split_photo_folder(folder, seed=seed, fractions=shares, force=force, split=splitter))
    typer.echo(f"wrote {folder / SPLITS_FILE}")


def _grouped(
    folder: "PhotoFolder", labelled: Sequence[tuple[str, str]], *, seed: int, fractions: Sequence[float]
) -> "tuple[PhotoRecord, ...]":
    from recyclenet.data.folds import grouped_records

    return grouped_records(labelled, _groups(folder), seed=seed, fractions=fractions)


def _groups(folder: "PhotoFolder") -> dict[str, str]:
    from recyclenet.data.audit.job import duplicate_groups

    with progress_bar("photos") as bar:
        groups = duplicate_groups(folder, on_progress=bar.rename)
    note(f"{len(groups)} photos have a twin; they stay together in {len(set(groups.values()))} groups")
    return groups


def _print_counts(folder: "PhotoFolder") -> None:
    counts = folder.counts()
    table = Table("class", *counts, "all")
    for column in table.columns[1:]:
        column.justify = "right"
    for label in folder.classes:
        numbers = [counts[split][label] for split in counts]
        table.add_row(Text(label), *map(str, numbers), str(sum(numbers)))
    totals = [sum(counts[split].values()) for split in counts]
    table.add_section()
    table.add_row("all", *map(str, totals), str(sum(totals)))
    Console().print(table)
