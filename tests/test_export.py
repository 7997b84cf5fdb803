import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from recyclenet import export as export_module
from recyclenet.checkpoint import load_classifier, save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.export import export
from recyclenet.models.factory import create_classifier
from recyclenet.predictor import Predictor, read_model
from recyclenet.preprocess import PreprocessSpec

CONFIG = ModelConfig(arch="test_efficientnet", attn="recyclenet")
DESCRIPTION = ModelDescription(CONFIG, ("a", "b", "c"), PreprocessSpec(img_size=64, resize=72))


@pytest.fixture
def photos(rng):
    return [Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)) for _ in range(3)]


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    model = create_classifier(CONFIG, 3)
    with torch.no_grad():
        model(torch.randn(8, 3, 64, 64))  # batch statistics other than the initial 0 and 1
    save_checkpoint(tmp_path / "model.safetensors", model.state_dict(), DESCRIPTION)
    return tmp_path / "model.safetensors"


def test_answers_as_the_checkpoint_does(checkpoint, photos, tmp_path):
    report = export(checkpoint, tmp_path / "model.onnx", photos)
    assert report.size == (tmp_path / "model.onnx").stat().st_size
    assert report.photos == 3
    assert report.logits_difference <= 1e-4
    predictor = Predictor(tmp_path / "model.onnx")
    assert predictor.description == DESCRIPTION
    for batch in (1, 2, 5):
        images = np.random.default_rng(batch).normal(size=(batch, 3, 64, 64)).astype(np.float32)
        logits, cam = predictor.run(images)
        assert logits.shape == (batch, 3)
        assert cam.shape == (batch, 3, 2, 2)
        np.testing.assert_allclose(cam.mean(axis=(2, 3)), logits, atol=1e-4)
        head = load_classifier(checkpoint)[0].head
        features = predictor.outputs(images).features
        with torch.inference_mode():
            np.testing.assert_allclose(head(torch.from_numpy(features)), logits, atol=1e-4)


def test_one_file_with_everything_in_it(checkpoint, photos, tmp_path):
    (tmp_path / "out").mkdir()
    export(checkpoint, tmp_path / "out" / "model.onnx", photos)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.onnx"]
    proto = onnx.load(tmp_path / "out" / "model.onnx", load_external_data=False)
    assert not any(tensor.external_data for tensor in proto.graph.initializer)
    assert [item.name for item in proto.graph.output] == ["logits", "cam", "features"]


def test_weights_are_stored_as_they_are_used(checkpoint, photos, tmp_path):
    """Nothing that depends on weights alone is left to be computed when the model is loaded."""
    export(checkpoint, tmp_path / "m.onnx", photos)
    graph = onnx.load(tmp_path / "m.onnx").graph
    constants = {item.name for item in graph.initializer}
    assert [node.name for node in graph.node if set(node.input) <= constants] == []


def test_a_difference_fails_and_writes_nothing(checkpoint, photos, tmp_path, monkeypatch):
    genuine = Predictor.run

    def slightly_off(self, images):
        logits, cam = genuine(self, images)
        return logits + np.float32(2e-4), cam

    monkeypatch.setattr(Predictor, "run", slightly_off)
    with pytest.raises(RecycleNetError, match="differs from"):
        export(checkpoint, tmp_path / "model.onnx", photos)
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors"}


def test_nan_counts_as_a_difference(checkpoint, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "_differences", lambda *_: (float("nan"), 0.0))
    with pytest.raises(RecycleNetError, match="differs from"):
        export(checkpoint, tmp_path / "model.onnx", photos)


def test_wrong_ending_and_no_photos(checkpoint, photos, tmp_path):
    with pytest.raises(RecycleNetError, match=r"end in \.onnx"):
        export(checkpoint, tmp_path / "model.pt", photos)
    with pytest.raises(RecycleNetError, match="at least one photo"):
        export(checkpoint, tmp_path / "model.onnx", [])


def test_no_trace_of_the_machine_it_was_made_on(checkpoint, photos, tmp_path):
    export(checkpoint, tmp_path / "model.onnx", photos)
    data = (tmp_path / "model.onnx").read_bytes()
    assert b"site-packages" not in data
    assert str(tmp_path).encode() not in data
    assert b".py" not in data
    assert b"site-packages" not in read_model(None)
    assert b".py" not in read_model(None)


def test_another_view(checkpoint, photos, tmp_path):
    """Other views than it was trained for: the file says so, and answers as the network does for these."""
    export(checkpoint, tmp_path / "small.onnx", photos, view=(48, 55))
    predictor = Predictor(tmp_path / "small.onnx")
    model, description = load_classifier(checkpoint)
    assert (predictor.preprocess.img_size, predictor.preprocess.resize) == (48, 55)
    assert predictor.preprocess.mean == description.preprocess.mean
    assert predictor.description.metrics == {}
    assert predictor.description.calibration is None
    images = np.stack([predictor.preprocess(predictor.view(photos[0]))])
    with torch.inference_mode():
        wanted = model(torch.from_numpy(images)).numpy()
    assert images.shape == (1, 3, 48, 48)
    np.testing.assert_allclose(predictor.run(images)[0], wanted, atol=1e-4)
