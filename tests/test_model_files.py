import pytest

from recyclenet.model_files import BUNDLED, CHECKPOINTS, EXPORTED, TORCH_FILES, checkpoint_file, is_bundled


def test_endings():
    assert (EXPORTED, CHECKPOINTS) == (".onnx", (".safetensors", ".pth.tar", ".pth"))
    assert set(TORCH_FILES) < set(CHECKPOINTS)


@pytest.mark.parametrize("name", ["./model.onnx", "a/bundled", "Bundled"])
def test_other_names_are_files(name):
    assert not is_bundled(name)
    assert checkpoint_file(name).parts[-1] == name.rpartition("/")[2]


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_bundled(BUNDLED)
    assert checkpoint_file(BUNDLED).name == "trashnet-mobilenetv2.safetensors"
    assert checkpoint_file(BUNDLED).is_file()
    (tmp_path / BUNDLED).touch()
    assert not is_bundled(BUNDLED)
    assert str(checkpoint_file(BUNDLED)) == BUNDLED
