import pytest
import torch

from recyclenet.checkpoint import read_checkpoint
from tests.test_soup import saved


@pytest.fixture
def two(tmp_path):
    return saved(tmp_path / "a.safetensors", 1), saved(tmp_path / "b.safetensors", 2)


def head(path):
    return read_checkpoint(path).weights["head.weight"]


def test_files_and_shares_become_one_file(tmp_path, two, run):
    out = tmp_path / "soup.safetensors"
    code, printed, err = run("soup", f"{two[0]}:3", two[1], "-o", out)
    assert (code, err) == (0, "")
    assert printed == f"{out}: 0.75 × best (seed 1, epoch 7) + 0.25 × best (seed 2, epoch 7)\n"
    torch.testing.assert_close(head(out), 0.75 * head(two[0]) + 0.25 * head(two[1]))


def test_names_with_colons(tmp_path, two, run):
    """What exists is a file, whatever its name looks like; a share can still follow it."""
    first, second = two[0].rename(tmp_path / "12:30.safetensors"), two[1].rename(tmp_path / "run:2")
    out = tmp_path / "soup.safetensors"
    for arguments, share in (((first, second), 0.5), ((f"{first}:0.2", f"{second}:0.6"), 0.25)):
        code, _, err = run("soup", *arguments, "-o", out)
        assert code == 0, err
        torch.testing.assert_close(head(out), share * head(first) + (1 - share) * head(second))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.safetensors"], "two checkpoints or more, not 1"),
        (["a.safetensors", "none.safetensors"], "no checkpoint at none.safetensors"),
        (["a.safetensors:much", "b.safetensors"], "a number as share, not 'a.safetensors:much'"),
        (["a.safetensors", "b.safetensors:"], "a number as share, not 'b.safetensors:'"),
        (["a.safetensors:-1", "b.safetensors:3"], "shares must be numbers from 0 up"),
        (["a.safetensors:nan", "b.safetensors"], "shares must be numbers from 0 up"),
        (["a.safetensors:0", "b.safetensors:0"], "not all 0"),
        (["a.safetensors", ":0.5"], ". is a folder"),
        (["a.safetensors", "b.safetensors", "-o", "soup.onnx"], "ending in .safetensors, not soup.onnx"),
    ],
)
def test_mistakes_are_said_in_one_line(tmp_path, two, run, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, printed, err = run("soup", "-o", "soup.safetensors", *arguments)
    assert (code, printed) == (2, "")
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


def test_without_a_place_to_write_nothing_happens(two, run):
    code, _, err = run("soup", *two)
    assert code == 2
    assert "--out" in err
