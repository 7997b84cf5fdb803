"""recyclenet convert."""

from pathlib import Path
from typing import Annotated

import typer

from recyclenet.errors import RecycleNetError
from recyclenet.extras import require_extra


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A checkpoint: .pth.tar, .pth or .safetensors.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, with the other format's ending.")],
) -> None:
    """Turn a checkpoint of the original RecycleNet (.pth.tar) into this project's format, or back."""
    require_extra("train", "convert")
    from recyclenet.checkpoint import fill, load_classifier, save_checkpoint
    from recyclenet.cli.console import note
    from recyclenet.model_files import CHECKPOINT, TORCH_FILES
    from recyclenet.models.factory import create_classifier
    from recyclenet.original.checkpoint import from_description, read_original, to_description, write_original
    from recyclenet.recipes import load_recipe

    from_original, to_original = source.name.endswith(TORCH_FILES), out.name.endswith(TORCH_FILES)
    own = (source if to_original else out).suffix == CHECKPOINT
    if from_original == to_original or not own:
        raise RecycleNetError(
            f"expected one file ending in {' or '.join(TORCH_FILES)} and one in {CHECKPOINT}, not {source} and {out}"
        )
    if from_original:
        checkpoint = read_original(source)
        description = checkpoint.description
        model = create_classifier(description.model, len(description.classes))
        fill(model, checkpoint.weights, str(source))
        for text in checkpoint.notes:
            note(f"note: {text}")
        save_checkpoint(out, model.state_dict(), to_description(checkpoint))
    else:
        model, description = load_classifier(source)
        checkpoint = from_description(description, model.state_dict())
        write_original(out, checkpoint, load_recipe("paper"))
    attention: str = description.model.attn
    if attention == "recyclenet" and len(description.model.gates) == 1:
        attention += f" ({description.model.gates[0]} gate only)"
    typer.echo(
        f"{out}: {description.model.arch}, attention {attention}, "
        f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters, "
        f"{len(description.classes)} classes ({', '.join(description.classes)})"
        f"{'' if checkpoint.best_acc1 is None else f', best val accuracy {checkpoint.best_acc1:.3f} %'}"
    )
