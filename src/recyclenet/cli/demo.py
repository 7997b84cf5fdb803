"""recyclenet demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recyclenet.atomic import replace_file
from recyclenet.errors import RecycleNetError

if TYPE_CHECKING:
    from recyclenet.pictures.contact_sheet import Tile
    from recyclenet.predictor import Prediction
    from recyclenet.rules import Bin

_MOST_ON_A_SHEET = 60


def demo(
    photos: Annotated[
        list[str] | None, typer.Argument(help="Your own photos or folders.", show_default="a dozen samples")
    ] = None,
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("demo-output/answers.jpg"),
) -> None:
    """Show what it does: answers for sample photos, or for yours, as a table and as one picture."""
    from recyclenet.answers import answer_photos, open_predictor
    from recyclenet.cli.answer_table import AnswerTable
    from recyclenet.cli.photo_arguments import photos_or_samples
    from recyclenet.outputs import check_output
    from recyclenet.pictures.contact_sheet import contact_sheet
    from recyclenet.rules import default_rules

    if out.suffix.lower() not in (".jpg", ".jpeg", ".png", ".webp"):
        raise RecycleNetError(f"cannot write {out}: the ending must be .jpg, .png or .webp")
    paths, _ = photos_or_samples(photos)
    check_output(out, "--out", paths)
    if out.exists() and photos and any(Path(path).resolve().parent == out.resolve().parent for path in paths):
        raise RecycleNetError(
            f"cannot write {out}: it is there already, among the photos; was the name for --out forgotten?"
        )
    predictor, table = open_predictor(None, len(paths)), AnswerTable()
    tiles: list[Tile] = []
    failed = 0
    for answer in answer_photos(predictor, paths, default_rules()):
        table.add(answer)
        failed += answer.prediction is None
        if answer.prediction is not None and answer.decision is not None and len(tiles) < _MOST_ON_A_SHEET:
            tiles.append(_tile(answer.path, answer.prediction, answer.decision.bin))
    table.print()
    if tiles:
        with replace_file(out) as temporary:
            contact_sheet(tiles, columns=3).save(temporary, quality=90)
        shown = f" (the first {len(tiles)})" if len(tiles) < len(paths) - failed else ""
        typer.echo(f"picture with answers and heatmaps{shown}: {out.resolve()}")
    if failed:
        raise typer.Exit(1)


def _tile(path: str, made: "Prediction", target: "Bin") -> "Tile":
    from recyclenet.pictures.contact_sheet import Tile
    from recyclenet.pictures.heatmap import heatmap

    sure = f" {100 * made.prob:.0f} %" if made.verdict == made.label else ""
    headline = f"{made.verdict}{sure}, bin: {target.name}"
    return Tile((made.view, heatmap(made)), headline, Path(path).name, target.colour)
