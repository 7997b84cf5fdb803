"""recyclenet parity."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recyclenet.errors import RecycleNetError

if TYPE_CHECKING:
    from recyclenet.parity import Parity


def parity(
    models: Annotated[
        list[Path],
        typer.Argument(
            help="Two or more: checkpoints and exported models of one network; bundled is the bundled one's checkpoint."
        ),
    ],
    data: Annotated[Path, typer.Option(help="The data folder.")],
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "test",
    rounds: Annotated[int, typer.Option(help="Time so many forward passes of each exported model, in turn.")] = 0,
    threads: Annotated[int, typer.Option(help="Of each timed pass.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Write every figure as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the tables.")] = False,
) -> None:
    """Compare files of one model photo by photo: torch, ONNX and int8 answers, better and worse, and their speed."""
    from recyclenet.atomic import write_text
    from recyclenet.cli.console import progress_bar
    from recyclenet.data.folder import open_photo_folder
    from recyclenet.outputs import check_report
    from recyclenet.parity import measure, to_table

    if len(models) < 2:
        raise RecycleNetError("parity needs two models or more to compare")
    if not (0 <= rounds <= 100_000 and 1 <= threads <= 1024):
        raise RecycleNetError("--rounds must be 0 to 100,000 and --threads 1 to 1024")
    check_report(out, "--out", models)
    folder = open_photo_folder(data)
    with progress_bar("photos") as bar:
        found = measure(models, folder, split, rounds=rounds, threads=threads, on_progress=bar.rename)
    # Written before printed: `parity … | head` must not cost the report.
    if out is not None:
        write_text(out, json.dumps(to_table(found), indent=2) + "\n")
    if as_json:
        typer.echo(json.dumps(to_table(found)))
    else:
        _print(found)


def _print(found: "Parity") -> None:
    from recyclenet.report import headline

    console = Console()
    table = Table("model", "MB", "correct")
    for evaluation, size in zip(found.evaluations, found.sizes, strict=True):
        table.add_row(Text(evaluation.model.name), f"{size / 1e6:.2f}", headline(evaluation.scores))
    console.print(table)
    pairs = Table("second against first", "same answer", "better", "worse", "p", "logits differ, most", "mean")
    for pair in found.pairs:
        pairs.add_row(
            Text(f"{pair.second} against {pair.first}"),
            f"{pair.agree} of {pair.total}",
            f"{pair.better}",
            f"{pair.worse}",
            f"{pair.p_value:.3g}",
            f"{pair.largest_difference:.2g}",
            f"{pair.mean_difference:.2g}",
        )
    console.print(pairs)
    if found.timings:
        times = Table(
            f"one photo, {found.threads} threads", "median ms", "middle half", "of the first's", "quickest ms", "ratio"
        )
        for timing in found.timings:
            low, high = timing.middle_half
            times.add_row(
                Text(timing.model),
                f"{timing.median:.2f}",
                f"{low:.2f}–{high:.2f}",
                f"{100 * timing.ratio:.0f} %",
                f"{timing.quickest:.2f}",
                f"{100 * timing.quickest_ratio:.0f} %",
            )
        console.print(times)
