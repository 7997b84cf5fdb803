import csv
import io
import json

import numpy as np
import pytest

from recyclenet.config import ModelConfig
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.description import ModelDescription
from recyclenet.errors import PhotoError, RecycleNetError
from recyclenet.evaluate import Model, evaluate, load_model
from recyclenet.preprocess import PreprocessSpec
from recyclenet.report import headline, to_csv, to_html, to_markdown, to_table, write_report

CLASSES = ("glass", "paper", "metal")


def model_that(answer):
    """A model that decides by the mean colour of its input, (N, 3) → logits (N, 3)."""
    spec = PreprocessSpec(img_size=32, resize=32, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    description = ModelDescription(ModelConfig(), CLASSES, spec)
    return Model("by colour", "onnx", description, lambda images: answer(images.mean(axis=(2, 3))))


def by_colour(colours):
    """Right for the made-up photos: green is glass, bright is paper, the rest metal."""
    red, green, _ = colours.T
    return np.stack([10 * (green - red), 10 * (red - 0.7), np.full(len(red), 0.5)], axis=1).astype(np.float32)


@pytest.fixture
def folder(class_folders):
    return split_photo_folder(class_folders)


def test_every_photo_of_the_split_once(folder):
    seen = []
    evaluation = evaluate(
        model_that(by_colour), folder, "test", on_progress=lambda done, total: seen.append((done, total))
    )
    assert evaluation.records == folder.split("test")
    assert evaluation.scores.total == len(folder.split("test")) == 3 * 3
    assert evaluation.scores.correct == 9
    assert seen[-1] == (9, 9)


def test_mistakes_are_counted_by_true_class(folder):
    always_paper = model_that(lambda colours: np.tile(np.float32([0, 3, 0]), (len(colours), 1)))
    evaluation = evaluate(always_paper, folder, "test")
    assert evaluation.scores.confusion == ((0, 3, 0), (0, 3, 0), (0, 3, 0))
    assert (evaluation.scores.correct, evaluation.scores.total) == (3, 9)


def test_a_broken_photo_or_an_unknown_class_is_refused(folder, class_folders):
    record = folder.split("test")[0]
    (class_folders / record.path).write_bytes(b"broken")
    with pytest.raises(PhotoError, match=record.path):
        evaluate(model_that(by_colour), folder, "test")
    (class_folders / "metal").rename(class_folders / "wood")
    (class_folders / "splits.csv").unlink()
    with pytest.raises(RecycleNetError, match="photos of wood, which the model does not know"):
        evaluate(model_that(by_colour), open_photo_folder(class_folders), "all")


@pytest.fixture
def evaluation(folder):
    no_metal = model_that(lambda colours: by_colour(colours) * np.float32([1, 1, -1]))
    return evaluate(no_metal, folder, "test")


def test_tables_say_what_was_measured(evaluation):
    table = json.loads(json.dumps(to_table(evaluation)))
    scores = evaluation.scores
    assert 0 < scores.correct < scores.total
    assert (table["correct"], table["total"], table["classes"]) == (scores.correct, scores.total, list(CLASSES))
    assert table["interval"] == list(scores.interval)
    assert table["fingerprint"] == evaluation.fingerprint
    rows = list(csv.DictReader(io.StringIO(to_csv(evaluation))))
    assert [row["path"] for row in rows] == [record.path for record in evaluation.records]
    assert sum(int(row["correct"]) for row in rows) == scores.correct
    for row in rows:
        probs = {name: float(row[f"prob_{name}"]) for name in CLASSES}
        assert sum(probs.values()) == pytest.approx(1, abs=1e-5)
        assert max(probs, key=probs.get) == row["answer"]
    text = to_markdown(evaluation)
    assert headline(scores) in text
    assert f"{scores.correct}/{scores.total}" in headline(scores)


def test_html_stands_alone_and_shows_each_mistake(evaluation, class_folders):
    page = to_html(evaluation, class_folders)
    wrong = evaluation.scores.total - evaluation.scores.correct
    assert page.count("<figure>") == wrong
    assert page.count("data:image/jpeg;base64,") == wrong
    assert page.count("data:image/png;base64,") == 1
    assert "http://" not in page
    assert "https://" not in page


def test_names_are_escaped(evaluation, class_folders):
    hostile = Model("<script>alert(1)</script>", "onnx", evaluation.model.description, evaluation.model.logits_of)
    page = to_html(evaluate(hostile, open_photo_folder(class_folders), "test"), class_folders)
    assert "<script>" not in page


def test_files(evaluation, class_folders, tmp_path):
    files = write_report(evaluation, tmp_path / "out", class_folders)
    wanted = {"metrics.json", "report.md", "report.html", "predictions.csv", "confusion.png"}
    assert {path.name for path in files} == wanted == {path.name for path in (tmp_path / "out").iterdir()}


def test_unknown_kind_of_model():
    with pytest.raises(RecycleNetError, match=r"ending in \.onnx or a checkpoint ending in \.safetensors"):
        load_model("model.pt")
