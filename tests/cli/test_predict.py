import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recyclenet import Predictor
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.rules import default_rules
from tests.conftest import Run, save_photo


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Three photos in two folders, two of the same name, and one file that is no photo."""
    root = tmp_path / "photos"
    save_photo(root / "a" / "one.jpg", (60, 160, 80), rng)
    save_photo(root / "a" / "two.png", (230, 230, 225), rng)
    save_photo(root / "b" / "one.jpg", (60, 160, 80), rng)
    return root


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"this is no photo")
    return path


def is_one_line(err: str) -> bool:
    return err.startswith("error: ") and err.count("\n") == 1 and err.endswith("\n")


def test_json_lines_are_the_predictors_answers(run: Run, photos: Path) -> None:
    paths = [str(photos / "a" / "two.png"), str(photos / "a" / "one.jpg")]
    code, out, err = run("predict", "--json", *paths)
    assert (code, err) == (0, "")
    predictor = Predictor()
    for path, line in zip(paths, out.splitlines(), strict=True):
        answer, expected = json.loads(line), predictor.predict(path)
        assert list(answer) == ["path", "label", "prob", "probs", "set", "unknown", "bin", "ms"]
        assert answer["path"] == path
        assert answer["label"] == expected.label == max(answer["probs"], key=answer["probs"].get)
        assert answer["probs"] == pytest.approx(expected.probs, abs=1e-6)
        assert answer["prob"] == answer["probs"][answer["label"]]
        assert tuple(answer["probs"]) == TRASHNET_CLASSES
        assert sum(answer["probs"].values()) == pytest.approx(1, abs=1e-6)
        assert answer["set"] == list(expected.possible)
        assert answer["unknown"] == pytest.approx(expected.unknown, abs=1e-6)
        assert answer["bin"] == default_rules().decide(expected.probs, is_unknown=expected.is_unknown).bin.name
        assert answer["ms"] > 0


def test_paths_come_back_as_given(
    run: Run, photos: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photo(photos / "übung 瓶.jpg", (60, 160, 80), rng)
    monkeypatch.chdir(photos)
    code, out, _ = run("predict", "--json", "übung 瓶.jpg", "./a/../a/one.jpg")
    assert code == 0
    assert [json.loads(line)["path"] for line in out.splitlines()] == ["übung 瓶.jpg", "./a/../a/one.jpg"]
    assert out.isascii(), "valid JSON whatever the terminal's encoding"


def test_a_broken_photo_does_not_stop_the_others(run: Run, photos: Path, broken: Path) -> None:
    missing = photos / "none.jpg"
    code, out, err = run("predict", "--json", photos / "a" / "one.jpg", broken, missing, photos / "a" / "two.png")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert err == "2 of 4 photos could not be read\n"
    assert lines[1] == {
        "path": str(broken),
        "error": "not a photo (expected JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP or TIFF)",
    }
    assert lines[2] == {"path": str(missing), "error": "no such file"}
    assert [Path(lines[i]["path"]).name for i in (0, 3)] == ["one.jpg", "two.png"]
    assert all(lines[i]["label"] in TRASHNET_CLASSES for i in (0, 3))


def test_the_table_has_every_photo_and_its_bin(
    run: Run, photos: Path, broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    code, out, err = run("predict", "a", "../broken.jpg")
    assert code == 1
    assert err == "1 of 3 photos could not be read\n"
    assert "error: not a photo" in next(line for line in out.splitlines() if "../broken.jpg" in line)
    for path in ("a/one.jpg", "a/two.png"):
        made = Predictor().predict(path)
        cells = [cell.strip() for cell in next(line for line in out.splitlines() if path in line).split("│")]
        assert cells[1:5] == [
            path,
            made.verdict,
            f"{100 * made.prob:.1f} %",
            f"● {default_rules().decide(made.probs, is_unknown=made.is_unknown).bin.name}",
        ]


def test_a_folder_is_searched_to_any_depth_in_order(run: Run, photos: Path) -> None:
    (photos / "notes.txt").write_text("no photo")
    (photos / ".hidden.jpg").write_text("no photo")
    code, out, _ = run("predict", "--json", photos)
    assert code == 0
    expected = [photos / "a" / "one.jpg", photos / "a" / "two.png", photos / "b" / "one.jpg"]
    assert [json.loads(line)["path"] for line in out.splitlines()] == list(map(str, expected))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*/one.jpg", ["a/one.jpg", "b/one.jpg"]),
        ("**/*.*", ["a/one.jpg", "a/two.png", "b/one.jpg"]),
        ("a/[t]*", ["a/two.png"]),
        ("*", None),
    ],
)
def test_globs(run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, expected) -> None:
    monkeypatch.chdir(photos)
    code, out, err = run("predict", "--json", pattern)
    if expected is None:
        assert (code, out, err) == (2, "", "error: no files match *\n")
    else:
        assert code == 0
        assert [json.loads(line)["path"] for line in out.splitlines()] == expected


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(run: Run, photos: Path, rng: np.random.Generator) -> None:
    save_photo(photos / "one[1].jpg", (60, 160, 80), rng)
    code, out, _ = run("predict", "--json", photos / "one[1].jpg")
    assert code == 0
    assert json.loads(out)["path"] == str(photos / "one[1].jpg")


def test_a_name_too_long_for_any_file_is_one_answer(run: Run, photos: Path) -> None:
    code, out, _ = run("predict", "--json", "x" * 300, photos / "a" / "one.jpg")
    first, second = map(json.loads, out.splitlines())
    assert code == 1
    assert first["path"] == "x" * 300
    assert first["error"]
    assert second["label"] in TRASHNET_CLASSES


def test_nothing_to_answer(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, out, err = run("predict", tmp_path / "empty")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: no photos in the folder {tmp_path / 'empty'}")
    assert is_one_line(err)

    code, out, err = run("predict", tmp_path / "*.jpg")
    assert (code, out, err) == (2, "", f"error: no files match {tmp_path / '*.jpg'}\n")


def test_csv(run: Run, photos: Path, broken: Path, tmp_path: Path) -> None:
    odd = photos / 'a, "b".jpg'
    (photos / "a" / "one.jpg").rename(odd)
    target = tmp_path / "new" / "answers.csv"
    code, out, _ = run("predict", "--json", "--csv", target, odd, broken)
    assert code == 1
    text = target.read_text(encoding="utf-8")
    assert "\r" not in text
    header, first, second = csv.reader(text.splitlines())
    probs = [f"prob_{name}" for name in TRASHNET_CLASSES]
    assert header == ["path", "label", "prob", *probs, "set", "unknown", "bin", "ms", "error"]
    answer = json.loads(out.splitlines()[0])
    values = answer["probs"].values()
    assert first[:3] == [str(odd), answer["label"], f"{answer['prob']:.6f}"]
    assert first[3:9] == [f"{value:.6f}" for value in values]
    assert first[9:12] == [" or ".join(answer["set"]), f"{answer['unknown']:.6f}", answer["bin"]]
    assert first[12:] == [f"{answer['ms']:.3f}", ""]
    assert second == [str(broken), *[""] * 12, json.loads(out.splitlines()[1])["error"]]


def test_an_unwritable_csv_is_one_line_and_leaves_nothing(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for target in (tmp_path / "taken" / "answers.csv", photos):
        code, out, err = run("predict", "--json", "--csv", target, photos / "a" / "one.jpg")
        assert (code, out) == (2, "")
        assert err.startswith(f"error: cannot write {target}")
        assert is_one_line(err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "taken"]


def test_heatmaps_of_photos_with_the_same_name(run: Run, photos: Path, broken: Path, tmp_path: Path) -> None:
    code, out, _ = run("predict", "--json", "--heatmaps", tmp_path / "heat", photos, broken)
    assert code == 1
    labels = [json.loads(line)["label"] for line in out.splitlines()[:3]]
    expected: list[str] = []
    for stem, label in zip(("one", "two", "one"), labels, strict=True):
        name = f"{stem}-{label}"
        expected.append(f"{name}-2.png" if f"{name}.png" in expected else f"{name}.png")
    assert sorted(path.name for path in (tmp_path / "heat").iterdir()) == sorted(expected)
    side = Predictor().preprocess.img_size
    for name in expected:
        with Image.open(tmp_path / "heat" / name) as picture:
            assert picture.size == (side, side)


def test_heatmaps_never_replace_each_other(run: Run, photos: Path, tmp_path: Path) -> None:
    label = Predictor().predict(photos / "a" / "one.jpg").label
    same = (photos / "a" / "one.jpg").read_bytes()
    for path in ("b/one.jpg", f"c/one-{label}-2.jpg", "d/ONE.jpg", f"e/one-{label}.jpg"):
        (photos / path).parent.mkdir(exist_ok=True)
        (photos / path).write_bytes(same)
    code, _, _ = run("predict", "--json", "--heatmaps", tmp_path / "heat", photos)
    assert code == 0
    names = [path.name.lower() for path in (tmp_path / "heat").iterdir()]
    assert len(names) == len(set(names)) == 6


def test_heatmaps_into_a_file(run: Run, photos: Path, broken: Path) -> None:
    code, out, err = run("predict", "--json", "--heatmaps", broken, photos / "a" / "one.jpg")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: cannot make the folder {broken}")
    assert is_one_line(err)


def test_a_model_that_is_missing_or_is_none(run: Run, photos: Path, broken: Path, tmp_path: Path) -> None:
    for model, message in (
        (tmp_path / "none.onnx", "no model at"),
        (photos, "no model at"),
        (broken, "is not a usable ONNX model"),
    ):
        code, out, err = run("predict", "--model", model, photos)
        assert (code, out) == (2, "")
        assert message in err
        assert str(model) in err
        assert is_one_line(err)


def test_a_model_of_another_program(run: Run, photos: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", value[:1], value[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
    code, out, err = run("predict", "--model", tmp_path / "other.onnx", photos)
    assert (code, out) == (2, "")
    assert f"{tmp_path / 'other.onnx'} has no recyclenet description; expected a file from 'recyclenet export'" in err
    assert is_one_line(err)


def test_the_bundled_model_by_name_answers_the_same(run: Run, photos: Path, tmp_path: Path) -> None:
    from recyclenet.predictor import read_model

    (tmp_path / "copy.onnx").write_bytes(read_model(None))
    photo = photos / "a" / "one.jpg"
    code, out, _ = run("predict", "--json", "--model", tmp_path / "copy.onnx", photo)
    assert code == 0
    assert json.loads(out)["probs"] == pytest.approx(Predictor().predict(photo).probs, abs=1e-6)


@pytest.mark.parametrize("arguments", [["predict"], ["predict", "--jsn", "x.jpg"], ["predicts"]])
def test_mistyped_commands(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Usage:" in err
    assert "Traceback" not in err


def recyclenet(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "recyclenet", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=60, **options)


def test_the_program_itself(photos: Path, broken: Path) -> None:
    made = recyclenet("predict", "--json", "a/one.jpg", broken, cwd=photos)
    first, second = map(json.loads, made.stdout.splitlines())
    assert made.returncode == 1
    assert made.stderr == "1 of 2 photos could not be read\n"
    assert first["label"] == Predictor().predict(photos / "a" / "one.jpg").label
    assert set(second) == {"path", "error"}


def test_the_program_reports_a_mistake_in_one_line(tmp_path: Path) -> None:
    made = recyclenet("predict", tmp_path)
    assert made.returncode == 2
    assert made.stdout == ""
    assert is_one_line(made.stderr)


def test_sigterm_leaves_nothing_half_written(photos: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(3000):
        (many / f"{number}.jpg").symlink_to(photos / "a" / "one.jpg")
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "recyclenet", "predict", str(many), "--csv", str(out / "answers.csv")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(out.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [path.name[0] for path in out.iterdir()] == ["."], "the temporary file is there"
    process.terminate()
    printed = process.communicate(timeout=60)
    assert (process.returncode, *printed) == (-signal.SIGTERM, b"", b"")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("options", [["--json"], []])
def test_a_name_that_is_not_unicode_is_answered(photos: Path, options: list[str]) -> None:
    name = "caf\udce9.jpg"
    try:
        (photos / "a" / "one.jpg").rename(photos / name)
    except OSError:
        pytest.skip("this file system has Unicode names only")
    command = [sys.executable, "-m", "recyclenet", "predict", *options, str(photos / name), str(photos / "a")]
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}  # as in most locales
    made = subprocess.run(command, capture_output=True, check=False, timeout=60, env=strict)
    assert b"Traceback" not in made.stderr
    assert made.returncode == 0
    assert b"two.png" in made.stdout


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return {name.split(".")[0] for name in made.stderr.split()}


def test_importing_loads_no_heavy_library() -> None:
    loaded = modules_after("import recyclenet, recyclenet.cli")
    assert "recyclenet" in loaded
    assert not loaded & {"torch", "torchvision", "timm", "numpy", "PIL", "onnxruntime", "matplotlib"}


def test_predicting_loads_no_torch(photos: Path, tmp_path: Path) -> None:
    arguments = [
        "recyclenet",
        "predict",
        str(photos),
        "--csv",
        str(tmp_path / "a.csv"),
        "--heatmaps",
        str(tmp_path / "h"),
    ]
    loaded = modules_after(
        "import sys, recyclenet.cli\n"
        f"sys.argv = {arguments!r}\n"
        "try:\n    recyclenet.cli.main()\nexcept SystemExit as ended:\n    assert not ended.code"
    )
    assert "onnxruntime" in loaded
    assert not loaded & {"torch", "torchvision", "timm", "onnx", "matplotlib", "safetensors", "sklearn"}
    assert len(list((tmp_path / "h").glob("*.png"))) == 3


def test_version_and_help(run: Run) -> None:
    import recyclenet as package

    assert run("--version") == (0, f"recyclenet {package.__version__}\n", "")
    code, out, _ = run("predict", "-h")
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert all(option in plain for option in ("--json", "--csv", "--heatmaps", "--model"))


def test_a_name_of_two_lines_is_one_row(run: Run, photos: Path) -> None:
    name = photos / "a\nb.jpg"
    next(photos.rglob("*.jpg")).rename(name)
    _, out, _ = run("predict", name)
    assert "a\\nb.jpg" in out


def test_own_rules_decide_the_bin(run: Run, trashnet: Path, tmp_path: Path) -> None:
    photo = trashnet / "dataset-resized" / "glass" / "glass12.jpg"
    (tmp_path / "r.toml").write_text(
        '[bins.x]\nname = "the big one"\ncolour = "#000000"\n[materials]\nglass = "x"\n[costs]\nask = 0.9\n'
    )
    for rules, wanted in ((tmp_path / "r.toml", "the big one"), ("single-stream", "recycling")):
        code, out, _ = run("predict", "--json", "--rules", rules, photo)
        assert (code, json.loads(out)["bin"]) == (0, wanted)
    code, out, err = run("predict", "--rules", "nonsense", photo)
    assert (code, out) == (2, "")
    assert "unknown rules 'nonsense': choose default" in err
    assert is_one_line(err)


def test_evaluate_by_rules(run: Run, class_folders: Path, tmp_path: Path) -> None:
    code, out, _ = run("evaluate", "--data", class_folders, "--split", "all", "--rules", "dual-stream", "--json")
    sorting = json.loads(out)["sorting"]
    assert (code, sorting["rules"], sorting["argmax"]["total"]) == (0, "dual-stream", 60)
    assert [stream["bin"] for stream in sorting["decided"]["streams"]] == ["paper and card", "containers", "rest"]
    code, out, _ = run("evaluate", "--data", class_folders, "--split", "all", "--rules", "dual-stream")
    assert code == 0
    assert "into bins, rules dual-stream" in out
    code, _, err = run("evaluate", "--data", class_folders, "--split", "all", "--rules", "none.toml")
    assert code == 2
    assert is_one_line(err)


def test_many_photos_are_answered_as_one_by_one(run: Run, tmp_path: Path, rng: np.random.Generator) -> None:
    for number in range(40):
        save_photo(tmp_path / f"{number:02}.jpg", (5 * number, 160, 80), rng)
    (tmp_path / "07.jpg").write_bytes(b"this is no photo")
    code, out, err = run("predict", "--json", tmp_path)
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (1, "1 of 40 photos could not be read\n")
    assert [Path(line["path"]).name for line in lines] == [f"{number:02}.jpg" for number in range(40)]
    predictor = Predictor()
    for line in lines:
        if "error" not in line:
            assert line["probs"] == pytest.approx(predictor.predict(line["path"]).probs, abs=1e-5)


def test_a_photo_in_place_of_the_csv_is_kept(run: Run, photos: Path) -> None:
    first, second = photos / "a" / "one.jpg", photos / "a" / "two.jpg"
    before = first.read_bytes()
    code, out, err = run("predict", "--csv", first, second)
    assert (code, out) == (2, "")
    assert "was the name for --csv forgotten?" in err
    assert first.read_bytes() == before
