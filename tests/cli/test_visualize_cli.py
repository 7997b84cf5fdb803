import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from recyclenet import Predictor
from recyclenet.checkpoint import load_classifier, save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.data.folder import split_photo_folder
from recyclenet.description import ModelDescription
from recyclenet.models.factory import create_classifier
from recyclenet.photo import load_photo
from recyclenet.preprocess import PreprocessSpec
from tests.conftest import Run

CLASSES = ("glass", "paper", "metal")
FULL_WIDTH = 24 + 210 + 5 * (224 + 12)


def save_model(path: Path, attn: str, arch: str = "test_efficientnet", size: int = 64, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    config = ModelConfig(arch=arch, attn=attn)
    model = create_classifier(config, 3)
    with torch.no_grad():
        model.head.weight *= 30  # answers that differ from photo to photo
    spec = PreprocessSpec(img_size=size, resize=size + 8)
    save_checkpoint(path, model.state_dict(), ModelDescription(config, CLASSES, spec))
    return path


@pytest.fixture
def attending(tmp_path: Path) -> Path:
    return save_model(tmp_path / "attending.safetensors", "recyclenet")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return save_model(tmp_path / "plain.safetensors", "none", arch="resnet18", size=96, seed=3)


def answers_by_hand(path: Path, photos: list[Path]) -> list[tuple[str, float]]:
    model, description = load_classifier(path)
    images = torch.stack([torch.from_numpy(description.preprocess(load_photo(photo))) for photo in photos])
    with torch.no_grad():
        probs = model(images).softmax(dim=1)
    return [(CLASSES[int(row.argmax())], float(row.max())) for row in probs]


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as opened:
        opened.load()
        return opened.size


def take(class_folders: Path) -> list[Path]:
    return [class_folders / "glass" / "glass0.jpg", class_folders / "metal" / "metal1.jpg"]


def test_two_models_of_different_input_sizes_side_by_side(
    run: Run, class_folders: Path, attending: Path, plain: Path, tmp_path: Path
) -> None:
    photos, out = take(class_folders), tmp_path / "new" / "seen"
    code, printed, err = run("visualize", attending, *photos, "--compare", plain, "--out", out, "--json")
    assert code == 0
    assert err == f"pictures of 2 photos in {out}; all of them in contact-sheet.png\n"
    assert {path.name for path in out.iterdir()} == {"glass0.png", "metal1.png", "contact-sheet.png"}
    for photo, text in zip(photos, printed.splitlines(), strict=True):
        line = json.loads(text)
        assert list(line) == ["path", "true_label", "answers", "picture"]
        assert (line["path"], line["true_label"]) == (str(photo), None)
        assert line["picture"] == str(out / f"{photo.stem}.png")
        for path, answer in zip((attending, plain), line["answers"], strict=True):
            ((label, prob),) = answers_by_hand(path, [photo])
            assert answer["model"] == str(path)
            assert answer["label"] == label
            assert answer["prob"] == pytest.approx(prob, abs=1e-5)
    width, height = size_of(out / "glass0.png")
    assert width == FULL_WIDTH
    run("visualize", attending, photos[0], "--out", tmp_path / "one")
    assert size_of(tmp_path / "one" / "glass0.png") == (FULL_WIDTH, height - 224 - 32)
    assert size_of(out / "contact-sheet.png")[0] == 24 + 210 + 5 * (128 + 12)


def test_true_labels_come_from_the_data_folder(
    run: Run, class_folders: Path, attending: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    stranger = tmp_path / "stranger.png"
    Image.fromarray(rng.integers(0, 256, (80, 80, 3), np.uint8)).save(stranger)
    photos = [*take(class_folders), stranger]
    _, printed, _ = run("visualize", attending, *photos, "--data", class_folders, "--out", tmp_path / "out", "--json")
    assert [json.loads(line)["true_label"] for line in printed.splitlines()] == ["glass", "metal", None]


def test_broken_photos_are_one_line_and_the_rest_is_done(
    run: Run, class_folders: Path, attending: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    photos, out = [broken, *take(class_folders)], tmp_path / "out"
    code, printed, err = run("visualize", attending, *photos, "--out", out, "--json")
    assert code == 1
    assert err.splitlines()[-1] == "1 of 3 photos could not be read"
    lines = [json.loads(line) for line in printed.splitlines()]
    assert list(lines[0]) == ["path", "error"]
    assert lines[0]["error"].startswith("not a photo")
    assert {path.name for path in out.iterdir()} == {"glass0.png", "metal1.png", "contact-sheet.png"}
    code, printed, _ = run("visualize", attending, *photos, "--out", out)
    assert code == 1
    assert "error: not a photo" in printed
    assert printed.count("%") == 2
    code, _, err = run("visualize", attending, broken, "--out", tmp_path / "none")
    assert (code, err) == (1, "1 of 1 photos could not be read\n")
    assert list((tmp_path / "none").iterdir()) == []


def test_photos_of_one_name_and_of_the_sheets_name_get_pictures_of_their_own(
    run: Run, class_folders: Path, attending: Path, tmp_path: Path
) -> None:
    source = class_folders / "glass" / "glass0.jpg"
    names = ("a/one.jpg", "b/ONE.jpg", "contact-sheet.jpg")
    for name in names:
        (tmp_path / "named" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "named" / name).write_bytes(source.read_bytes())
    run("visualize", attending, tmp_path / "named", "--out", tmp_path / "out")
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"one.png", "ONE-2.png", "contact-sheet-2.png", "contact-sheet.png"}


def test_the_bundled_model_shows_its_evidence(run: Run, class_folders: Path, tmp_path: Path) -> None:
    photo = take(class_folders)[0]
    code, printed, _ = run("visualize", "bundled", photo, "--out", tmp_path / "out", "--json")
    expected = Predictor().predict(photo)
    (answer,) = json.loads(printed)["answers"]
    assert code == 0
    assert answer == {
        "model": "the bundled model",
        "label": expected.label,
        "prob": pytest.approx(expected.prob, abs=1e-5),
    }
    assert size_of(tmp_path / "out" / "glass0.png")[0] == 24 + 210 + 2 * (224 + 12)


def test_limit_and_a_full_sheet(
    run: Run, class_folders: Path, attending: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recyclenet.cli.album._MOST_ROWS", 3)
    out = tmp_path / "out"
    _, printed, err = run("visualize", attending, class_folders / "paper", "--limit", 4, "--out", out, "--json")
    assert [Path(json.loads(line)["path"]).name for line in printed.splitlines()] == [
        *("paper0.jpg", "paper1.jpg", "paper10.jpg", "paper11.jpg")
    ]
    assert err == f"pictures of 4 photos in {out}; the first 3 of them in contact-sheet.png\n"
    assert len(list(out.iterdir())) == 5


@pytest.mark.parametrize("split", ["val", "test"])
def test_better_than_picks_exactly_the_photos_that_the_first_gets_right_and_the_second_wrong(
    run: Run, class_folders: Path, attending: Path, tmp_path: Path, split: str
) -> None:
    other = save_model(tmp_path / "other.safetensors", "cbam", seed=5)
    records = split_photo_folder(class_folders).split(split)
    photos = [class_folders / record.path for record in records]
    sure = {}
    for photo, record, mine, theirs in zip(
        photos, records, answers_by_hand(attending, photos), answers_by_hand(other, photos), strict=True
    ):
        if mine[0] == record.label != theirs[0]:
            sure[str(photo)] = mine[1]
    assert 0 < len(sure) < len(photos)
    expected = sorted(sure, key=lambda path: -sure[path])

    options = ["--split", split] if split != "val" else []  # val without being asked
    command = ["visualize", attending, "--data", class_folders, "--better-than", other, *options, "--json"]
    code, printed, err = run(*command, "--out", tmp_path / "out")
    lines = [json.loads(line) for line in printed.splitlines()]
    assert code == 0
    assert [line["path"] for line in lines] == expected
    assert f"{len(sure)} of {len(photos)} photos ({split}): {attending} is right and {other} wrong" in err
    for line in lines:
        first, second = line["answers"]
        assert first["label"] == line["true_label"] != second["label"]
    _, printed, _ = run(*command, "--limit", 1, "--out", tmp_path / "first")
    assert [json.loads(line)["path"] for line in printed.splitlines()] == expected[:1]


def test_a_model_is_never_better_than_itself(run: Run, class_folders: Path, attending: Path, tmp_path: Path) -> None:
    split_photo_folder(class_folders)
    out = tmp_path / "out"
    code, printed, err = run("visualize", attending, "--data", class_folders, "--better-than", attending, "--out", out)
    assert (code, printed) == (0, "")
    assert "0 of 9 photos (val)" in err
    assert not out.exists()


def test_what_does_not_go_together_is_one_line(
    run: Run, class_folders: Path, attending: Path, plain: Path, tmp_path: Path
) -> None:
    photo, out = take(class_folders)[0], ("--out", tmp_path / "out")
    for arguments, message in (
        ((attending,), "which photos?"),
        ((attending, "--data", class_folders), "which photos?"),
        ((attending, "--better-than", plain), "--better-than needs --data"),
        ((attending, photo, "--better-than", plain, "--data", class_folders), "leave out PHOTOS and --compare"),
        ((attending, "--compare", plain, "--better-than", plain, "--data", class_folders), "leave out PHOTOS"),
        ((attending, photo, "--layer", "bloks.1"), "attending.safetensors: unknown layer 'bloks.1'; did you mean"),
        ((attending, photo, "--layer", "head"), "the layer 'head' gives (1, 3), not maps"),
        (("bundled", photo, "--layer", "blocks.1"), "--layer needs a checkpoint"),
        ((attending, photo, "--compare", tmp_path / "none.safetensors"), "no checkpoint at"),
        (("none.onnx", photo), "no model at none.onnx"),
    ):
        code, _, err = run("visualize", *arguments, *out)
        assert code == 2
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert message in err


def test_layers_of_the_backbone_by_their_short_names(
    run: Run, class_folders: Path, plain: Path, tmp_path: Path
) -> None:
    photo = take(class_folders)[0]
    pictures = []
    for name, options in (("default", ()), ("layer2", ("--layer", "layer2"))):
        code, _, _ = run("visualize", plain, photo, *options, "--out", tmp_path / name)
        assert code == 0
        with Image.open(tmp_path / name / "glass0.png") as opened:
            pictures.append(np.asarray(opened).astype(int))
    # Without attention there is no gate and no column for it; only Grad-CAM, the last column, and its line change.
    assert pictures[0].shape[1] == 24 + 210 + 4 * (224 + 12)
    different = (pictures[0] != pictures[1]).any(axis=2)
    assert different[:, -(224 + 24) :].any()
    assert not different[: 34 + 38 + 224, : -(224 + 24)].any()


def test_exported_models_are_shown_without_torch(class_folders: Path, tmp_path: Path) -> None:
    arguments = ["recyclenet", "visualize", "bundled", str(take(class_folders)[0]), "--out", str(tmp_path / "out")]
    code = (
        "import sys; from recyclenet.cli.app import create_app\n"
        f"sys.argv = {arguments}\n"
        "create_app(sys.argv[1:])(standalone_mode=False); assert 'torch' not in sys.modules, 'torch was loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert len(list((tmp_path / "out").iterdir())) == 2
