import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from recyclenet.data.folder import open_photo_folder
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import evaluate, load_model
from recyclenet.predictor import Predictor
from recyclenet.quantize import job
from recyclenet.quantize.calibration import Calibration, calibrate, load_images
from recyclenet.quantize.job import Int8Settings, export_int8
from recyclenet.quantize.layers import find_layers
from recyclenet.quantize.rounding import Rounded
from recyclenet.quantize.search import Candidate, keep_until, measure_each

QUICK = Int8Settings(photos=16)
SENSITIVE = "backbone.blocks.1.0.conv_exp"


@pytest.fixture(scope="session")
def small(exported, folder):
    path = exported.parent / "small" / "small.onnx"
    return path, export_int8(exported, path, folder, QUICK)


def spoil(candidate, name):
    """One layer's weights all zero in 8 bits."""
    was = candidate._weights[name]
    candidate._weights[name] = Rounded(np.zeros_like(was.integers), was.scale, was.bias)
    return candidate


def spoiled_class(*names):
    class Spoiled(Candidate):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            for name in names or [layer.name for layer in self.layers]:
                spoil(self, name)

    return Spoiled


def onnx_channels(model, node):
    return next(item.dims[1] for item in model.graph.initializer if item.name == node.input[1])


@pytest.fixture
def candidate(exported, folder):
    model = onnx.load(exported)
    layers = find_layers(model)
    images = load_images(folder.root, folder.split("train")[::3], Predictor(exported).preprocess)
    return Candidate(model, layers, calibrate(model, layers, images)), images


def test_smaller_and_the_same_answers(small, exported, folder):
    path, report = small
    assert path.stat().st_size < 0.5 * exported.stat().st_size
    assert [item.name for item in path.parent.iterdir()] == ["small.onnx"]
    evaluations = [evaluate(load_model(model), folder, "test") for model in (exported, path)]
    assert evaluations[0].scores.correct == evaluations[1].scores.correct == 9
    spread = evaluations[0].logits.std()
    difference = np.abs(evaluations[1].logits - evaluations[0].logits)
    assert 0 < difference.mean() < 0.1 * spread
    (attempt,) = report.attempts
    assert (attempt.kept, attempt.pair.worse, attempt.correct) == ((), 0, report.source_correct)
    assert attempt.size == path.stat().st_size


def test_metadata_and_signature_are_kept(small, exported):
    wanted, found = Predictor(exported), Predictor(small[0])
    said = {"weights": "int8", "calibration": "mse", "photos": 16, "seed": 0}
    assert found.description.quantization == said
    assert wanted.description.quantization == {}
    assert found.description.classes == wanted.description.classes
    assert found.description.preprocess == wanted.description.preprocess
    for batch in (1, 3):
        images = np.random.default_rng(0).normal(size=(batch, 3, 64, 64)).astype(np.float32)
        logits, cam = found.run(images)
        assert (logits.shape, cam.shape) == ((batch, 3), (batch, 3, 2, 2))
        np.testing.assert_allclose(cam.mean(axis=(2, 3)), logits, atol=1e-4)


def test_same_inputs_same_bytes_from_checkpoint_and_from_onnx_and_without_test_photos(
    small, checkpoint, folder, tmp_path
):
    for record in folder.records:
        target = tmp_path / "photos" / record.path
        target.parent.mkdir(parents=True, exist_ok=True)
        photo = (folder.root / record.path).read_bytes()
        target.write_bytes(b"not to be read" if record.split == "test" else photo)
    (tmp_path / "photos/splits.csv").write_bytes((folder.root / "splits.csv").read_bytes())
    export_int8(checkpoint, tmp_path / "small.onnx", open_photo_folder(tmp_path / "photos"), QUICK)
    assert (tmp_path / "small.onnx").read_bytes() == small[0].read_bytes()


def test_outputs_beside_the_known_ones_are_passed_through(exported, folder, tmp_path):
    model = onnx.load(exported)
    (head,) = (node for node in model.graph.node if node.output[0] == "logits")
    model.graph.node.append(helper.make_node("Identity", [head.input[0]], ["pooled"], name="passed"))
    width = onnx_channels(model, head)
    model.graph.output.append(helper.make_tensor_value_info("pooled", onnx.TensorProto.FLOAT, ["N", width]))
    onnx.save(model, tmp_path / "model.onnx")
    export_int8(tmp_path / "model.onnx", tmp_path / "small.onnx", folder, QUICK)
    images = load_images(folder.root, folder.split("val"), Predictor(exported).preprocess)
    wanted, found = (
        onnxruntime.InferenceSession(tmp_path / name, providers=["CPUExecutionProvider"]).run(
            ["pooled"], {"images": images}
        )[0]
        for name in ("model.onnx", "small.onnx")
    )
    assert found.shape == wanted.shape == (len(images), width)
    assert 0 < np.abs(found - wanted).mean() < 0.2 * wanted.std()


def test_a_bad_result_is_refused_and_nothing_written(exported, folder, tmp_path, monkeypatch):
    def blind(*arguments):
        found = calibrate(*arguments)
        return Calibration(dict.fromkeys(found.ranges, (0.0, 1e-4)), found.inputs)

    monkeypatch.setattr(job, "calibrate", blind)
    with pytest.raises(
        RecycleNetError, match=r"with up to 1 layers left in floats: \d+ of \d+ val photos are answered"
    ):
        export_int8(exported, tmp_path / "small.onnx", folder, Int8Settings(photos=4, max_worse=0, max_kept=1))
    assert list(tmp_path.iterdir()) == []


def test_a_large_result_is_refused(exported, folder, tmp_path):
    with pytest.raises(RecycleNetError, match=r"MB are more than the 0.1 allowed \(--max-mb\)"):
        export_int8(exported, tmp_path / "small.onnx", folder, Int8Settings(photos=4, max_mb=0.1))
    assert list(tmp_path.iterdir()) == []


def test_the_layer_that_suffers_is_found_and_kept(candidate):
    whole, images = candidate
    small = spoil(whole, SENSITIVE)
    ranking = measure_each(small, images)
    assert len(ranking) == len(small.layers)
    assert ranking[0].layer == SENSITIVE
    assert ranking[0].error > 3 * ranking[1].error
    asked = []

    def passes(kept, file):
        asked.append(kept)
        return SENSITIVE in kept and len(file) > len(small.small())

    assert keep_until(small, list(reversed(ranking)), passes, 10**9, most=3) is None
    assert [len(kept) for kept in asked] == [1, 2, 3]
    assert keep_until(small, ranking, passes, 10**9, most=3) == (SENSITIVE,)
    assert keep_until(small, ranking, passes, len(small.small()), most=3) is None


def test_the_gate_opens_once_the_bad_layer_is_in_floats(exported, folder, tmp_path, monkeypatch, run):
    monkeypatch.setattr(job, "Candidate", spoiled_class(SENSITIVE))
    report = export_int8(exported, tmp_path / "small.onnx", folder, Int8Settings(photos=16, max_worse=0))
    assert [attempt.kept for attempt in report.attempts] == [(), (SENSITIVE,)]
    assert report.attempts[0].pair.worse > 0
    assert Predictor(tmp_path / "small.onnx").description.quantization["floats"] == SENSITIVE


def test_command(exported, folder, tmp_path, run):
    code, out, err = run(
        "export", exported, "--int8", "-o", tmp_path / "small.onnx", "--data", folder.root,
        "--calibration-photos", 8, "--layers", "--report", tmp_path / "report.json",
    )  # fmt: skip
    assert (code, err.strip()) == (0, "")
    assert "val photos right instead of" in out
    table = json.loads((tmp_path / "report.json").read_text())
    assert table["attempts"][0]["size"] == (tmp_path / "small.onnx").stat().st_size
    assert table["settings"]["photos"] == 8
    assert len(table["sensitivities"]) == len(find_layers(onnx.load(exported)))
    assert table["machine"]["cores"] >= 1
    again = run("export", tmp_path / "small.onnx", "--int8", "-o", tmp_path / "x.onnx", "--data", folder.root)
    assert again[0] == 2
    assert "is quantized already" in again[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--int8"], "--int8 needs --data"),
        (["--data", "photos"], "go with --int8"),
        (["--int8", "--data", "missing"], "does not exist"),
        (["--int8", "--data", "photos", "--calibration", "entropy"], "one of mse, minmax, percentile"),
        (["--int8", "--data", "photos", "--calibration-photos", "0"], "calibration photos must lie between"),
        (["--int8", "--data", "photos", "--max-mb", "nan"], "max_mb must lie between"),
    ],
)
def test_mistakes(exported, tmp_path, run, options, message):
    code, _, err = run("export", exported, "-o", tmp_path / "small.onnx", *options)
    assert code == 2
    assert message in err
    assert list(tmp_path.iterdir()) == []
