"""recyclenet soup."""

from pathlib import Path
from typing import Annotated

import typer

from recyclenet.cli.model_options import view_of
from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra


def soup(
    checkpoints: Annotated[
        list[str],
        typer.Argument(metavar="FILE[:SHARE]...", help="Checkpoints of runs with one start; shares are 1 by default."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The checkpoint to write (.safetensors).")],
    img_size: Annotated[
        int | None, typer.Option(help="Side of the mix's input in pixels.", show_default="the first checkpoint's")
    ] = None,
    resize: Annotated[
        int | None,
        typer.Option(help="With --img-size: shorter side before the centre crop.", show_default="img-size / 0.875"),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Weights in 16 bits: half the file.")] = False,
) -> None:
    """Average the weights of several runs into one network: as small and fast as each, often better than all."""
    require_extra("train", "soup")
    from recyclenet.outputs import check_output
    from recyclenet.soup import mix, part_of

    if out.suffix != ".safetensors":
        raise RecycleNetError(f"expected a file ending in .safetensors, not {out}")
    parts = [part_of(text) for text in checkpoints]
    check_output(out, "--out", [path for path, _ in parts])
    description = mix(parts, out, half=half, view=view_of(img_size, resize))
    typer.echo(f"{out}: {description.training['mixed']}")
