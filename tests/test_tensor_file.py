"""safetensors files as a stranger, or a disk that failed, could leave them."""

import json
import struct

import pytest
import torch

from recyclenet.checkpoint import TrainState, load_classifier, read_checkpoint, save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.models.pretrained import read_state_dict
from recyclenet.preprocess import PreprocessSpec
from recyclenet.tensor_file import digest_tensors, read_tensors


def written(path, header, body=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)
    return path


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


LIES = {
    "nothing": (b"", b"", None),
    "a header of 2^63 bytes": (b"{}", b"", 2**63),
    "a header of a gigabyte": (b"{}", b"", 10**9),
    "a header that is no JSON": (b"{not json", b"", None),
    "a header that is a list": (b"[]", b"", None),
    "deep JSON": (b'{"a":' + b"[" * 100_000, b"", None),
    "more than the file has": ({"a": entry([1000], 0, 4000)}, b"\0" * 8, None),
    "a shape that is not its bytes": ({"a": entry([3], 0, 8)}, b"\0" * 8, None),
    "a product beyond 64 bits": ({"a": entry([2**62, 4], 0, 8)}, b"\0" * 8, None),
    "a negative side": ({"a": entry([-1], 0, 4)}, b"\0" * 4, None),
    "two tensors in one place": ({"a": entry([2], 0, 8), "b": entry([2], 0, 8)}, b"\0" * 8, None),
    "a hole between two": ({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, b"\0" * 12, None),
    "an end before its start": ({"a": entry([1], 8, 4)}, b"\0" * 12, None),
    "a type that there is not": ({"a": entry([1], 0, 4, "F33")}, b"\0" * 4, None),
    "bytes that nobody claims": ({"a": entry([1], 0, 4)}, b"\0" * 400, None),
    "metadata that is no text": ({"__metadata__": {"x": 5}, "a": entry([1], 0, 4)}, b"\0" * 4, None),
}


@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie_are_refused_in_one_way(lie, tmp_path):
    path = written(tmp_path / "m.safetensors", *LIES[lie])
    with pytest.raises(RecycleNetError, match="is not a readable checkpoint: "):
        read_checkpoint(path)
    with pytest.raises(RecycleNetError, match="is not a readable file of weights: "):
        read_state_dict(path)


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F64", "I8", "BOOL", "F8_E4M3", "U16"])
def test_types_of_every_kind_are_read_and_have_a_digest(dtype, tmp_path):
    sizes = {"F64": 8, "F16": 2, "BF16": 2, "U16": 2}
    body = bytes(range(sizes.get(dtype, 1)))[:-1] + b"\x01"
    path = written(tmp_path / "m.safetensors", {"a": entry([1], 0, len(body), dtype)}, body)
    tensors, _ = read_tensors(path, "file")
    assert tensors["a"].numel() == 1
    assert len(digest_tensors(tensors)) == 64


def test_a_digest_is_of_names_and_values():
    one = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor(3)}
    assert digest_tensors(one) == digest_tensors({"b": torch.tensor(3), "a": torch.tensor([1.0, 2.0])})
    assert digest_tensors(one) != digest_tensors({**one, "b": torch.tensor(4)})
    assert digest_tensors(one) != digest_tensors(one, b"other")


MODEL = ModelConfig(arch="test_efficientnet")


def save(path, config=MODEL, **tensors):
    description = ModelDescription(config, ("a", "b"), PreprocessSpec())
    save_checkpoint(path, tensors or {"w": torch.zeros(2)}, description, TrainState({}, {"epoch": 1}))


def test_one_bit_of_what_training_goes_on_from_is_noticed(tmp_path):
    save(tmp_path / "m.safetensors")
    data = bytearray((tmp_path / "m.safetensors").read_bytes())
    data[-1] ^= 64
    (tmp_path / "m.safetensors").write_bytes(data)
    with pytest.raises(RecycleNetError, match="its numbers are not those that were written"):
        read_checkpoint(tmp_path / "m.safetensors")


@pytest.mark.parametrize("state", ["[]", "5", "{", "null"])
def test_a_training_state_that_is_none(state, tmp_path):
    save(tmp_path / "m.safetensors")
    size = struct.unpack("<Q", (tmp_path / "m.safetensors").read_bytes()[:8])[0]
    data = (tmp_path / "m.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"]["train"] = state
    written(tmp_path / "m.safetensors", header, data[8 + size :])
    with pytest.raises(RecycleNetError, match="training state is not"):
        read_checkpoint(tmp_path / "m.safetensors")


def test_a_description_that_asks_for_more_memory_than_there_is(tmp_path):
    """Its network would have petabytes; the file has a few bytes."""
    save(tmp_path / "m.safetensors", ModelConfig(arch="resnet18", arch_args={"base_width": 64, "stem_width": 10**6}))
    with pytest.raises(RecycleNetError, match=r"do not fit the network it describes|cannot be built"):
        load_classifier(tmp_path / "m.safetensors")
