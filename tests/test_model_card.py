"""The card of a model that compares red with blue: every answer is known."""

import onnx
import pytest
from onnx import helper
from PIL import Image

from recyclenet.config import ModelConfig
from recyclenet.data.folder import open_photo_folder
from recyclenet.data.splits import PhotoRecord, write_splits
from recyclenet.description import METADATA_KEY, ModelDescription
from recyclenet.model_card import measure, to_markdown
from recyclenet.preprocess import PreprocessSpec

SIZE = 32
RED, BLUE = (220, 40, 40), (40, 40, 220)
# ResNet-18 for ImageNet has 11,689,512 parameters, 513,000 of them in its head of 1000 classes; here the head has 2.
PARAMS = 11_689_512 - 513_000 + 2 * (512 + 1)


@pytest.fixture
def model(tmp_path):
    """Blue or red, whichever channel is brighter on the whole; the evidence is the channel."""
    spec = PreprocessSpec(SIZE, SIZE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    training = {"recipe": "best", "mixed": "0.5 × a + 0.5 × b", "teachers": "t1/best.onnx, t2/best.onnx"}
    description = ModelDescription(ModelConfig(), ("blue", "red"), spec, training=training)
    inner = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["images", "channels"], ["cam"], axis=1),
            helper.make_node("ReduceMean", ["cam", "sides"], ["logits"], keepdims=0),
        ],
        "reader",
        [helper.make_tensor_value_info("images", inner, ["N", 3, SIZE, SIZE])],
        [
            helper.make_tensor_value_info("logits", inner, ["N", 2]),
            helper.make_tensor_value_info("cam", inner, ["N", 2, SIZE, SIZE]),
        ],
        [
            helper.make_tensor("channels", onnx.TensorProto.INT64, [2], [2, 0]),
            helper.make_tensor("sides", onnx.TensorProto.INT64, [2], [2, 3]),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    proto.metadata_props.add(key=METADATA_KEY, value=description.to_json())
    path = tmp_path / "reader.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def save(path, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (64, 48), (225, 225, 225))
    picture.paste(colour, (20, 12, 44, 36))
    picture.save(path)


@pytest.fixture
def data(tmp_path):
    """A photo of each class for val, four for test; of these one that is blue in the folder of the red ones."""
    records = []
    for label, colour in {"red": RED, "blue": BLUE}.items():
        for number in range(5):
            path = f"{label}/{number}.png"
            save(tmp_path / "d" / path, BLUE if (label, number) == ("red", 4) else colour)
            records.append(PhotoRecord(path, label, "test" if number else "val"))
    write_splits(tmp_path / "d" / "splits.csv", records)
    return tmp_path / "d"


@pytest.fixture
def web(tmp_path):
    """Two of three red ones are red, and both of those that may be either are right."""
    for number in range(3):
        save(tmp_path / "web" / "red" / f"{number}.png", RED if number else BLUE)
        save(tmp_path / "web" / "red_or_blue" / f"{number}.png", BLUE)
    return tmp_path / "web"


def test_everything_that_can_be_measured(model, data, web):
    seen = []
    card = measure(
        model,
        open_photo_folder(data),
        with_stress=True,
        elsewhere=web,
        on_progress=lambda *place: seen.append(place),
    )
    assert [place for place in seen if place[0] == place[1]] == [(2, 2), (8, 8), (8, 8), (6, 6)]
    assert (card.val.scores.correct, card.test.scores.correct) == (2, 7)
    assert (card.stress.split, card.stress.correct, card.stress.total) == ("test", 7, 8)
    rows = {row.condition.name: row for row in card.stress.rows}
    assert (rows["turn-90"].correct, rows["turn-90"].total) == (7, 8)
    assert [(place.name, place.correct, place.total) for place in card.elsewhere.places] == [
        ("red", 2, 3),
        ("red_or_blue", 3, 3),
    ]
    assert card.params == PARAMS
    text = to_markdown(card)
    for line in (
        "Written by `recyclenet model-card --stress --elsewhere web`; every figure below was measured by that command.",
        f"| parameters | {PARAMS:,} |",
        "| teachers | t1/best.onnx, t2/best.onnx |",
        "On d's test split: **7/8 = 87.5 % (95 % interval 52.9–97.8)**.",
        "| turned by 90° | 7 | 8 | 87.5 % | 52.9–97.8 | 7 |",
        "| red | 2 | 3 | 66.7 % | 20.8–93.9 |",
        "| **all** | 5 | 6 | 83.3 % | 43.6–97.0 |",
    ):
        assert line in text.splitlines(), line
    assert "Measured by other commands" not in text


def test_without_torch_there_is_no_row_of_parameters(model, data, monkeypatch):
    monkeypatch.setattr("recyclenet.extras.find_spec", lambda name: None)
    card = measure(model, open_photo_folder(data))
    assert (card.params, card.stress, card.elsewhere, card.results) == (None, None, None, None)
    text = to_markdown(card)
    assert "parameters" not in text
    assert "\nWritten by `recyclenet model-card`; every figure below was measured by that command.\n" in text


def test_the_command_writes_what_its_options_ask_for(model, data, web, run, tmp_path):
    folds = tmp_path / "my results" / "folds" / "best.json"
    folds.parent.mkdir(parents=True)
    folds.write_text('[{"correct": 1, "total": 2, "macro_f1": 0.5}, {"correct": 2, "total": 2, "macro_f1": 1}]')
    out = tmp_path / "docs" / "card.md"
    options = ("--stress", "--elsewhere", web, "--results", tmp_path / "my results")
    code, printed, err = run("model-card", model, "--data", data, "--out", out, *options)
    assert code == 0, err
    assert printed == f"wrote {out}\n"
    text = out.read_text(encoding="utf-8")
    assert "`recyclenet model-card --stress --elsewhere web --results 'my results'`; every figure below was" in text
    assert 'measured by that command, but for those under "Measured by other commands", which it read.' in text
    assert text.index("## Away from the") < text.index("## Measured by other") < text.index("## What it is not")
    assert "3 of 4 = 75.0 %" in text
    assert "431" not in text


def test_results_that_are_no_results_are_said_before_anything_is_measured(model, data, run, tmp_path, monkeypatch):
    monkeypatch.setattr("recyclenet.model_card.measure", lambda *_, **__: pytest.fail("measured"))
    code, _, err = run("model-card", model, "--data", data, "--out", tmp_path / "card.md", "--results", tmp_path)
    assert code == 2
    assert "has nothing for a card: expected int8/parity-test.json" in " ".join(err.split())
    (tmp_path / "folds").mkdir()
    (tmp_path / "folds" / "best.json").write_text("[]")
    out = tmp_path / "folds" / "best.json"
    code, _, err = run("model-card", model, "--data", data, "--out", out, "--results", tmp_path)
    assert (code, out.read_text()) == (2, "[]")
    assert "it is one of the files that are read" in " ".join(err.split())
