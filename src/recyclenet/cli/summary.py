"""recyclenet summary."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from recyclenet.cli.model_options import Arch, ArchArg, Attn, AttnAt, Combine, Gates, KernelSize, RdRatio, model_changes
from recyclenet.extras import require_extra


def summary(
    arch: Arch = None,
    attn: Attn = None,
    attn_at: AttnAt = None,
    gates: Gates = None,
    combine: Combine = None,
    rd_ratio: RdRatio = None,
    kernel_size: KernelSize = None,
    arch_arg: ArchArg = None,
    num_classes: Annotated[int, typer.Option(help="How many classes.")] = 6,
    img_size: Annotated[int, typer.Option(help="Side of the input in pixels.")] = 224,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the table.")] = False,
) -> None:
    """Count a network's parameters and operations before training it."""
    require_extra("train", "summary")
    from recyclenet.config import ModelConfig
    from recyclenet.models.summary import summarize
    from recyclenet.recipes import override

    changes = model_changes(arch, attn, attn_at, gates, combine, rd_ratio, kernel_size, arch_arg)
    result = summarize(override(ModelConfig(), changes), num_classes, img_size)
    if as_json:
        typer.echo(json.dumps(asdict(result)))
        return
    table = Table("", result.arch, show_header=True)
    table.columns[1].justify = "right"
    table.add_row("attention", f"{result.attn} ({result.attn_at})" if result.attn != "none" else "none")
    table.add_row("parameters", f"{result.params:,}")
    table.add_row("of these attention", f"{result.attn_params:,}")
    table.add_row(f"FLOPs, one {img_size}×{img_size} picture", f"{result.flops:,}")
    table.add_row("feature map", "×".join(map(str, result.features)))
    table.add_row("logits", "×".join(map(str, result.logits)))
    Console().print(table)
