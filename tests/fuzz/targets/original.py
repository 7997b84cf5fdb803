"""Files of torch.save, as the original writes them: a pickle in a zip, or in the format before that."""

import io
import zipfile

import torch

from recyclenet.checkpoint import read_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.models.factory import create_classifier
from recyclenet.original.checkpoint import read_original, to_description
from recyclenet.original.layout import tensor_names, to_original_name
from tests.fuzz.hostile import Form, Target
from tests.fuzz.targets.scratch import scratch_file

_TOKENS = (
    *(b"cos\nsystem\n", b"cbuiltins\neval\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\nFloatStorage\n"),
    *(
        b"R",
        b"b",
        b"(",
        b")",
        b"}",
        b"u",
        b"s",
        b"t",
        b"0",
        b"2",
        b"N",
        b"J\xff\xff\xff\x7f",
        b"\x8a\x08" + b"\xff" * 7 + b"\x7f",
    ),
    *(b"X\x05\x00\x00\x00epoch", b"X\x0a\x00\x00\x00state_dict", b"h\x00", b"q\x00", b"G\x7f\xf0" + bytes(6), b"."),
)


def _table() -> dict[str, object]:
    """A checkpoint with the names of a whole ResNet18 and a number for each tensor but the head."""
    model = ModelConfig(arch="resnet18")
    with torch.device("meta"):
        create_classifier(model, 6)
    names = [to_original_name(name) for name in tensor_names(model)]
    state = {name: torch.zeros(6, 2) if name.endswith("final_fc.weight") else torch.tensor(0.5) for name in names}
    buffers = {number: {"momentum_buffer": torch.tensor(1.0)} for number in range(3)}
    groups = [{"lr": 0.1, "params": list(range(3))}]
    return {
        "epoch": 3,
        "arch": "resnet18_base",
        "state_dict": state,
        "best_acc1": torch.tensor(81.0),
        "optimizer": {"state": buffers, "param_groups": groups},
    }


def _saved(table: object, *, is_zip: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(table, buffer, _use_new_zipfile_serialization=is_zip)
    return buffer.getvalue()


def _pickle_of(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("archive/data.pkl")


def _with_pickle(damaged: bytes, whole: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    """The same file with another pickle in it, under the right checksum."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(buffer, "w", method) as made:
        for info in source.infolist():
            made.writestr(info.filename, damaged if info.filename.endswith("data.pkl") else source.read(info))
    return buffer.getvalue()


def _read(data: bytes) -> None:
    path = scratch_file("original", "m.pth.tar", data)
    read_checkpoint(path)
    to_description(read_original(path)).to_json()


_TABLE = _table()
_ZIPPED = _saved(_TABLE)
TARGET = Target(
    [
        Form(_ZIPPED),
        Form(_saved(_TABLE, is_zip=False)),
        Form(_pickle_of(_ZIPPED), lambda damaged: _with_pickle(damaged, _ZIPPED)),
        Form(_pickle_of(_ZIPPED), lambda damaged: _with_pickle(damaged, _ZIPPED, zipfile.ZIP_DEFLATED)),
        Form(_pickle_of(_saved(_TABLE["state_dict"])), lambda damaged: _with_pickle(damaged, _ZIPPED)),
    ],
    _read,
    _TOKENS,
)
