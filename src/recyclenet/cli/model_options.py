"""The options that name a network, shared by the commands that build one."""

from typing import Annotated, Any

import typer

from recyclenet.errors import RecycleNetError

Arch = Annotated[
    str | None, typer.Option(help="resnet18/34/50/101/152 or any convolutional timm backbone.", show_default="resnet18")
]
Attn = Annotated[str | None, typer.Option(help="Attention: none, recyclenet, se or cbam.", show_default="none")]
AttnAt = Annotated[
    str | None,
    typer.Option(
        help="final: once, after the last block; blocks: in every residual block (ResNets).", show_default="final"
    ),
]
Gates = Annotated[
    str | None, typer.Option(help="RecycleNet's gates: channel, spatial or both.", show_default="channel,spatial")
]
Combine = Annotated[str | None, typer.Option(help="How two gates combine: sum, mul or max.", show_default="sum")]
RdRatio = Annotated[
    float | None, typer.Option(help="Hidden width of the channel gate, as a share.", show_default="0.0625")
]
KernelSize = Annotated[int | None, typer.Option(help="Side of the spatial gate's convolution.", show_default="7")]
ArchArg = Annotated[
    list[str] | None, typer.Option(help="KEY=VALUE passed to the backbone, e.g. pad_type=same. May be repeated.")
]


def model_changes(
    arch: str | None,
    attn: str | None,
    attn_at: str | None,
    gates: str | None,
    combine: str | None,
    rd_ratio: float | None,
    kernel_size: int | None,
    arch_arg: list[str] | None,
) -> dict[str, Any]:
    """The options that were given, as settings of a ModelConfig."""
    from recyclenet.recipes import parse_assignments

    given: dict[str, Any] = {
        "arch": arch,
        "attn": attn,
        "attn_at": attn_at,
        "gates": None if gates is None else [gate.strip() for gate in gates.split(",")],
        "combine": combine,
        "rd_ratio": rd_ratio,
        "kernel_size": kernel_size,
        "arch_args": parse_assignments(arch_arg) if arch_arg else None,
    }
    return {key: value for key, value in given.items() if value is not None}


def three_numbers(text: str | None, name: str) -> list[float] | None:
    """One number, or three with commas between, as three numbers."""
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 3):
        raise RecycleNetError(f"--{name} must be one number or three with commas between, not {text!r}")
    return values * 3 if len(values) == 1 else values


def view_of(img_size: int | None, resize: int | None) -> tuple[int, int] | None:
    """Both sizes of a view that --img-size asks for, None without it.

    Raises:
        RecycleNetError: --resize alone.
    """
    if img_size is None and resize is not None:
        raise RecycleNetError("--resize goes with --img-size")
    return None if img_size is None else (img_size, resize or round(img_size / 0.875))
