"""Files of torch.save that a stranger could send; what they hold is looked at, never run."""

import pickle
import zipfile

import pytest
import torch

from recyclenet.errors import RecycleNetError
from recyclenet.torch_file import load_torch_file


class Runs:
    def __reduce__(self):
        return (print, ("this code came out of a file",))


def test_tensors_and_plain_values_are_read(tmp_path):
    wanted = {"w": torch.arange(6.0).reshape(2, 3), "part": torch.arange(10)[2:5], "epoch": 3, "names": ["a", ("b",)]}
    torch.save(wanted, tmp_path / "m.pth")
    found = load_torch_file(tmp_path / "m.pth")
    assert torch.equal(found["w"], wanted["w"])
    assert torch.equal(found["part"], wanted["part"])
    assert (found["epoch"], found["names"]) == (3, ["a", ("b",)])


@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_refused_and_not_run(tmp_path, capsys, zipped):
    torch.save({"w": Runs()}, tmp_path / "m.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(RecycleNetError, match="could run code"):
        load_torch_file(tmp_path / "m.pth")
    assert capsys.readouterr().out == ""


def test_a_file_that_unpacks_to_more_than_it_is(tmp_path):
    torch.save({"w": torch.zeros(1_000_000)}, tmp_path / "plain.pth")
    with zipfile.ZipFile(tmp_path / "plain.pth") as plain, zipfile.ZipFile(tmp_path / "m.pth", "w") as packed:
        for part in plain.infolist():
            packed.writestr(part.filename, plain.read(part), compress_type=zipfile.ZIP_DEFLATED)
    with pytest.raises(RecycleNetError, match=r"bytes unpack to 4,\d\d\d,\d\d\d, which torch never does"):
        load_torch_file(tmp_path / "m.pth")


@pytest.mark.parametrize("tensor", [torch.zeros(1).expand(10**12), torch.zeros(2, 3).to_sparse()])
def test_a_tensor_that_claims_more_than_it_holds(tmp_path, tensor):
    torch.save({"deep": [{"w": tensor}]}, tmp_path / "m.pth")
    with pytest.raises(RecycleNetError, match="claims"):
        load_torch_file(tmp_path / "m.pth")


def test_a_list_that_holds_itself(tmp_path):
    endless = [torch.zeros(1)]
    endless.append(endless)
    torch.save(endless, tmp_path / "m.pth")
    assert len(load_torch_file(tmp_path / "m.pth")) == 2


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"\x80", pickle.dumps([1] * 10)[:-3], b"\x80\x02" + b"(" * 10_000]
)
def test_what_is_no_torch_file(tmp_path, data):
    (tmp_path / "m.pth").write_bytes(data)
    with pytest.raises(RecycleNetError, match=r"not a readable torch file|is refused"):
        load_torch_file(tmp_path / "m.pth")
