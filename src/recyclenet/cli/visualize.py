"""recyclenet visualize."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from recyclenet.cli.console import note, print_line, progress_bar, table_console
from recyclenet.errors import RecycleNetError

if TYPE_CHECKING:
    from recyclenet.cli.album import Album
    from recyclenet.data.folder import PhotoFolder
    from recyclenet.visualize.viewer import Viewer

_FOUND = 12  # photos shown of those that --better-than finds


def visualize(
    model: Annotated[str, typer.Argument(help="A checkpoint, an exported .onnx file, or 'bundled'.")],
    out: Annotated[Path, typer.Option(help="The folder for the pictures.")],
    photos: Annotated[
        list[str] | None, typer.Argument(help="Photos, folders, or globs in quotes.", show_default=False)
    ] = None,
    compare: Annotated[str | None, typer.Option(help="A second model, shown below the first.")] = None,
    better_than: Annotated[
        str | None,
        typer.Option(
            help="A second model. In place of PHOTOS: those of --split that MODEL answers right and this one "
            "wrong, the surest first."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A data folder, for --better-than and for the true labels of its photos.")
    ] = None,
    split: Annotated[
        str,
        typer.Option(help="For --better-than: train, val, test or all. Who looks begins to choose, so not test."),
    ] = "val",
    layer: Annotated[
        str | None,
        typer.Option(help="The layer for Grad-CAM, such as layer3.", show_default="the backbone's last map"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many photos.", show_default=f"all named, or {_FOUND} found")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of the table.")] = False,
) -> None:
    """Show what one model or two look at: features, spatial gate, class evidence, Grad-CAM.

    Writes one picture a photo, and a contact sheet. Exit code 1 if any photo could not be read; the others
    are still shown.
    """
    from recyclenet.cli.album import Album
    from recyclenet.cli.photo_arguments import gather_photos
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.visualize.viewer import open_viewer

    _check_options(photos, compare, better_than, data)
    viewers = [open_viewer(path, layer) for path in (model, better_than or compare) if path is not None]
    if layer is not None and all(viewer.layer is None for viewer in viewers):
        raise RecycleNetError("--layer needs a checkpoint: an exported model's layers cannot be read")
    folder = open_photo_folder(data) if data is not None else None
    if better_than is not None and folder is not None:
        paths = _find_better(viewers, folder, split)[: limit or _FOUND]
    else:
        paths = list(gather_photos(photos or ()))[:limit]
    if paths:
        _show(paths, Album(out, viewers, folder), as_json=as_json)


def _check_options(photos: list[str] | None, compare: str | None, better_than: str | None, data: Path | None) -> None:
    if better_than is None and not photos:
        raise RecycleNetError("which photos? Name some, or let --data DIR --better-than MODEL2 find them")
    if better_than is not None and data is None:
        raise RecycleNetError("--better-than needs --data, the folder to find photos in")
    if better_than is not None and (photos or compare):
        raise RecycleNetError("--better-than finds the photos and shows both models: leave out PHOTOS and --compare")


def _find_better(viewers: Sequence["Viewer"], folder: "PhotoFolder", split: str) -> list[str]:
    """Paths of the photos that the first model answers right and the second wrong; says how many there are."""
    from recyclenet.evaluate import evaluate
    from recyclenet.visualize.better import better_than

    evaluations = []
    for viewer in viewers:
        with progress_bar(f"answers of {viewer.model.name}") as bar:
            evaluations.append(evaluate(viewer.model, folder, split, on_progress=bar))
    found = better_than(*evaluations)
    first, second = (viewer.model.name for viewer in viewers)
    note(f"{len(found)} of {len(evaluations[0].records)} photos ({split}): {first} is right and {second} wrong")
    return [str(folder.root / record.path) for record in found]


def _show(paths: Sequence[str], album: "Album", *, as_json: bool) -> None:
    table = Table("photo", "true label", *album.models, "picture")
    table.columns[0].overflow = "fold"
    failed = 0
    for path in paths:
        page = album.add(path)
        failed += page.error is not None
        if as_json:
            print_line(json.dumps(page.to_table()))
        table.add_row(*page.cells())
    sheet = album.finish()
    if not as_json:
        table_console().print(table)
    if sheet:
        note(sheet)
    if failed:
        note(f"{failed} of {len(paths)} photos could not be read")
        raise typer.Exit(1)
