import io
import threading
import warnings
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from recyclenet.class_directions import ClassDirections
from recyclenet.description import METADATA_KEY
from recyclenet.encoded import encode
from recyclenet.errors import PhotoError, RecycleNetError
from recyclenet.predictor import Predictor, read_model
from recyclenet.unknown import UnknownScore


@pytest.fixture(scope="module")
def predictor():
    return Predictor()


@pytest.fixture
def picture(rng):
    return Image.fromarray(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8))


def test_probabilities_and_evidence(predictor, picture):
    made = predictor.predict(picture)
    assert list(made.probs) == list(predictor.classes)
    assert sum(made.probs.values()) == pytest.approx(1)
    assert made.prob == made.probs[made.label] == max(made.probs.values())
    assert made.view.size == 2 * (predictor.preprocess.img_size,)
    logits = made.evidence.mean(axis=(1, 2)) / predictor.description.calibration.temperature
    assert np.exp(logits) / np.exp(logits).sum() == pytest.approx(list(made.probs.values()), abs=1e-4)
    assert made.ms > 0


def test_paths_bytes_and_pictures_are_the_same_photo(predictor, picture, tmp_path):
    picture.save(tmp_path / "p.png")
    answers = [
        predictor.predict(source).probs
        for source in (tmp_path / "p.png", str(tmp_path / "p.png"), (tmp_path / "p.png").read_bytes(), picture)
    ]
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "CMYK", "1", "LA", "I;16"])
def test_pictures_of_any_mode(predictor, picture, mode):
    converted = picture.convert("L").convert("I;16") if mode == "I;16" else picture.convert(mode)
    assert predictor.predict(converted).label in predictor.classes


def test_a_picture_is_turned_as_its_camera_says(predictor, picture, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as opened:
        assert predictor.predict(opened).probs == predictor.predict(tmp_path / "turned.png").probs
    assert predictor.predict(picture).probs != predictor.predict(tmp_path / "turned.png").probs


def test_a_broken_photo_is_named(predictor, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"broken")
    with pytest.raises(PhotoError, match=r"broken\.jpg: not a photo"):
        predictor.predict(tmp_path / "broken.jpg")


def test_threads_share_it(predictor, picture, tmp_path):
    picture.save(tmp_path / "p.png")
    wanted = predictor.predict(tmp_path / "p.png").probs
    filters = list(warnings.filters)
    answers = []
    work = lambda: answers.extend(predictor.predict(tmp_path / "p.png").probs for _ in range(5))  # noqa: E731
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [wanted] * 30
    assert warnings.filters == filters


def changed_model(tmp_path, change):
    proto = onnx.load_from_string(read_model(None))
    change(proto)
    path = tmp_path / "changed.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def without_features(proto):
    del proto.graph.output[2]


def test_a_file_from_before_there_were_features_or_a_calibration(tmp_path, picture, predictor):
    made = Predictor(changed_model(tmp_path, without_features)).predict(picture)
    assert made.unknown is None
    assert made.possible == predictor.predict(picture).possible
    made = Predictor(changed_model(tmp_path, with_description(calibration=None))).predict(picture)
    assert (made.unknown, made.possible, made.verdict) == (None, None, made.label)


@pytest.mark.parametrize(
    ("possible", "unknown", "verdict"),
    [
        (("glass",), 0.1, "glass"),
        (("glass", "plastic"), 0.5, "not sure: glass or plastic"),
        (("glass", "plastic"), 0.51, "none of these"),
        (None, None, "glass"),
    ],
)
def test_the_verdict_in_words(predictor, picture, possible, unknown, verdict):
    made = replace(predictor.predict(picture), label="glass", possible=possible, unknown=unknown)
    assert made.verdict == verdict
    assert made.is_unknown == (verdict == "none of these")


def maps_as_features(proto):
    for node in proto.graph.node:
        for names in (node.input, node.output):
            names[:] = ["pooled" if name == "features" else name for name in names]
    proto.graph.node.append(helper.make_node("Identity", ["cam"], ["features"]))
    del proto.graph.output[2]
    proto.graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 6, "h", "w"]))


def a_score_for_three_features(proto):
    pointing = ClassDirections(3, 1, encode(np.eye(1, 3), "<f2"))
    unknown = UnknownScore(3, 1, encode(np.zeros(3), "<f4"), encode(np.ones(3), "<f2"), pointing, 1.0, 0.0, 1.0, 0.99)
    with_description(calibration=replace(Predictor().description.calibration, unknown=unknown))(proto)


def with_description(**changes):
    def change(proto):
        text = replace(Predictor().description, **changes).to_json()
        helper.set_model_props(proto, {METADATA_KEY: text})

    return change


def fixed_batch(proto):
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def other_output(proto):
    proto.graph.output.append(helper.make_tensor_value_info("logits2", TensorProto.FLOAT, ["N", 6]))
    proto.graph.node.append(helper.make_node("Identity", ["logits"], ["logits2"]))
    del proto.graph.output[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda proto: helper.set_model_props(proto, {}), "no recyclenet description"),
        (lambda proto: helper.set_model_props(proto, {METADATA_KEY: "[]"}), "expected a table"),
        (with_description(classes=("a", "b")), r"expected images .* logits \(N, 2\)"),
        (fixed_batch, r"expected images \(N, 3, \d+, \d+\)"),
        (other_output, "expected images"),
        (maps_as_features, r"and features \(N, C\)"),
        (a_score_for_three_features, "unknown score is for 3 features, but the model gives 1280"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(tmp_path, change, message):
    with pytest.raises(RecycleNetError, match=message):
        Predictor(changed_model(tmp_path, change))


@pytest.mark.parametrize("data", [b"", b"not a model", None])
def test_what_is_no_model_is_refused(tmp_path, data):
    (tmp_path / "m.onnx").write_bytes(read_model(None)[:5000] if data is None else data)
    with pytest.raises(RecycleNetError, match="not a usable ONNX model"):
        Predictor(tmp_path / "m.onnx")


def test_labels_of_a_strangers_model_stay_in_the_heatmap_folder(tmp_path, picture, run):
    classes = tuple(f"x/../../../escaped{number}[/b]" for number in range(6))
    model = changed_model(tmp_path, with_description(classes=classes, calibration=None))
    (tmp_path / "photos").mkdir()
    picture.save(tmp_path / "photos" / "p.png")
    before = set(tmp_path.rglob("*"))
    heat = tmp_path / "deep" / "heat"
    code, out, err = run("predict", tmp_path / "photos", "--model", model, "--heatmaps", heat)
    assert code == 0, err
    assert "escaped" in out
    made = set(tmp_path.rglob("*")) - before
    assert len([path for path in made if path.is_file()]) == 1
    assert all(path.is_relative_to(heat) for path in made if path.is_file())


def test_pictures_that_cannot_be_used_are_errors_of_the_photo(predictor, picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    lazy = Image.open(io.BytesIO(buffer.getvalue()[: len(buffer.getvalue()) // 2]))
    closed = Image.open(io.BytesIO(buffer.getvalue()))
    closed.close()
    for photo, reason in (
        (lazy, "damaged or truncated"),
        (closed, "damaged or truncated"),
        (Image.new("RGB", (0, 5)), "no pixels"),
        (Image.new("RGB", (1, 5000)), "1×5000 is too narrow"),
    ):
        with pytest.raises(PhotoError, match=reason):
            predictor.predict(photo)
    assert predictor.predict(Image.new("LA", (64, 64), (9, 100)).convert("La")).label
