"""Another description for a model file; everything else in it stays as it is."""

from pathlib import Path

import onnx

from recyclenet.atomic import write_bytes
from recyclenet.checkpoint import read_checkpoint, save_checkpoint
from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.model_files import CHECKPOINT, EXPORTED
from recyclenet.predictor import read_model


def write_description(model: str | Path, description: ModelDescription, out: str | Path) -> None:
    """Writes `model` with this description to `out`, which may be the same file.

    Args:
        model: an exported .onnx file or a .safetensors checkpoint.
        description: replaces the one in the file.
        out: ends as `model` does.

    Raises:
        RecycleNetError: unreadable model, or an ending that does not fit.
    """
    check_endings(model, out)
    if Path(model).suffix == CHECKPOINT:
        checkpoint = read_checkpoint(model)
        save_checkpoint(out, checkpoint.weights, description, checkpoint.train_state)
        return
    try:
        proto = onnx.load_from_string(read_model(model))
    except Exception as error:  # protobuf's own type, which comes without annotations
        raise RecycleNetError(f"{model} is not a usable ONNX model: {error}") from error
    entries = {item.key: item.value for item in proto.metadata_props} | {METADATA_KEY: description.to_json()}
    onnx.helper.set_model_props(proto, entries)
    write_bytes(out, proto.SerializeToString())


def check_endings(model: str | Path, out: str | Path) -> None:
    """Both must end in .onnx or both in .safetensors.

    Raises:
        RecycleNetError: they do not.
    """
    if Path(model).suffix not in (EXPORTED, CHECKPOINT):
        raise RecycleNetError(
            f"{model}: only {EXPORTED} and {CHECKPOINT} files hold a description ('recyclenet convert')"
        )
    if Path(out).suffix != Path(model).suffix:
        raise RecycleNetError(f"the file to write must end in {Path(model).suffix} as the model does, not {out}")
