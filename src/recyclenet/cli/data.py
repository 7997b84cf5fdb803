"""recyclenet data fetch, recyclenet data split."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recyclenet.errors import RecycleNetError

if TYPE_CHECKING:
    from recyclenet.data.folder import PhotoFolder

data = typer.Typer(help="Get photos and divide them.", no_args_is_help=True)


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
    from recyclenet.cli.console import progress_bar
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
    force: Annotated[bool, typer.Option("--force", help="Replace a split that is there.")] = False,
) -> None:
    """Divide class folders into train, val and test, each class alike, and write splits.csv."""
    from recyclenet.data.folder import open_photo_folder, split_photo_folder
    from recyclenet.data.splits import SPLITS, SPLITS_FILE

    try:
        shares = [float(part) for part in fractions.split(",")]
    except ValueError:
        raise RecycleNetError(f"--fractions must be three numbers with commas between, not {fractions!r}") from None
    opened = open_photo_folder(folder, ignore_splits_file=force)
    if opened.is_split and not force and not (folder / SPLITS_FILE).exists():
        _print_counts(opened)
        missing = [name for name in SPLITS if name not in opened.counts()]
        typer.echo(
            f"{folder} is divided already and taken as it is"
            + (f"; it has no {' and no '.join(missing)} photos" if missing else "")
        )
        return
    _print_counts(split_photo_folder(folder, seed=seed, fractions=shares, force=force))
    typer.echo(f"wrote {folder / SPLITS_FILE}")


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
