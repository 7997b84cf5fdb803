import json
import signal

import pytest
import torch

from recyclenet.ablation import queue
from recyclenet.data.folder import split_photo_folder
from recyclenet.training import loop
from tests.training.test_loop import StopAfter

TINY = 'name = "tiny"\nepochs = 1\nlr = 2e-3\nbatch_size = 16\nimg_size = 32\nresize = 36\nprecision = "fp32"\n'


@pytest.fixture
def arguments(class_folders, tmp_path):
    split_photo_folder(class_folders)
    (tmp_path / "tiny.toml").write_text(TINY)
    return [
        "ablate", "combine", "--data", class_folders, "--arch", "test_efficientnet", "--pretrained", "none",
        "--recipe", tmp_path / "tiny.toml", "--mean", "0.5", "--std", "0.5", "--seeds", "1", "--workers", "0",
        "--out", tmp_path / "out",
    ]  # fmt: skip


def test_table_files_and_going_on(arguments, run, tmp_path, monkeypatch):
    looks = iter([10_000, 0])
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(next(looks)))
        code, out, err = run(*arguments)
    assert code == 128 + signal.SIGINT
    assert "Go on with:\n  recyclenet ablate combine" in err
    assert "1/3  test_efficientnet-recyclenet-final-mul-scratch-seed-1: val " in err
    table = json.loads((tmp_path / "out" / "combine.json").read_text())
    assert [line["seeds"] for line in table["tables"][0]["lines"]] == [[1], [], []]

    code, out, err = run(*arguments)
    assert code == 0, err
    assert "mul-scratch" not in err
    assert "3/3  test_efficientnet-recyclenet-final-sum-scratch-seed-1" in err
    assert "How the two gates combine: test_efficientnet" in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"combine.json", "combine.md", "combine.png", "runs"}

    monkeypatch.setattr(queue, "perform", None)  # nothing is left to do
    code, out, err = run(*arguments, "--json")
    assert code == 0, err
    table = json.loads(out)
    assert [line["seeds"] for line in table["tables"][0]["lines"]] == [[1], [1], [1]]
    assert table["command"].startswith("recyclenet ablate combine --data ")
    assert table["recipe"]["lr"] == 2e-3
    assert table["torch"] == torch.__version__
    assert [line["published"] for line in table["tables"][0]["lines"]] == [None] * 3, "not TrashNet"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_exit_code_names_the_signal(arguments, run, monkeypatch, number):
    monkeypatch.setattr(queue, "perform", lambda *_: int(number))
    code, _, err = run(*arguments)
    assert code == 128 + number
    assert "stopped; every finished run is kept. Go on with:" in err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("combine", "combination"), "unknown suite 'combination'; did you mean combine"),
        (("test_efficientnet", "test_eficientnet"), "unknown architecture 'test_eficientnet'; did you mean"),
    ],
)
def test_mistakes_are_found_before_anything_is_trained(arguments, run, tmp_path, change, message):
    code, _, err = run(*[change[1] if argument == change[0] else argument for argument in arguments])
    assert code == 2
    assert message in err
    assert not (tmp_path / "out").exists()


def test_every_architecture_is_checked_before_the_first_run(arguments, run, tmp_path):
    code, _, err = run(*arguments, "--seeds", "2", "--arch", "resnet181")
    assert code == 2
    assert "unknown architecture 'resnet181'" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("setting", ["pretrained=none", "model.kernel_size=3", "seed=77", "data=elsewhere"])
def test_what_the_tables_are_about_cannot_be_set_aside(arguments, run, setting):
    code, _, err = run(*arguments, "--set", setting)
    assert code == 2
    assert f"--set is for recipe.… alone, not for {setting.split('=')[0]}" in err


def test_a_missing_file_of_weights_is_found_first(arguments, run, tmp_path):
    code, _, err = run(*["nowhere.pth" if argument == "none" else argument for argument in arguments])
    assert code == 2
    assert "no file of weights at nowhere.pth" in err
    assert not (tmp_path / "out").exists()


def test_other_settings_in_the_same_folder_are_refused(arguments, run, tmp_path):
    assert run(*arguments)[0] == 0
    code, _, err = run(*arguments, "--set", "recipe.mixup=0.5")
    assert code == 2
    assert "holds a run with other settings (recipe.mixup: 0.0 → 0.5): choose another --out" in err


def test_a_recipe_is_compared_with_itself_changed(arguments, run, tmp_path):
    line = ("--vary", "epochs=2,label_smoothing=0.1")
    code, out, err = run(*[("recipe" if word == "combine" else word) for word in arguments], *line, "--json")
    assert code == 0, err
    table = json.loads(out)
    assert table["recipe"]["epochs"] == 1
    same, changed = table["tables"][0]["lines"]
    assert changed["name"].endswith(", epochs 2, label_smoothing 0.1, from scratch")
    assert len((tmp_path / "out" / "runs" / f"{same['key']}-seed-1" / "metrics.csv").read_text().splitlines()) == 2
    folder = tmp_path / "out" / "runs" / f"{changed['key']}-seed-1"
    assert len((folder / "metrics.csv").read_text().splitlines()) == 3
    assert json.loads((folder / "config.json").read_text())["recipe"]["label_smoothing"] == 0.1


def test_one_line_learns_from_teachers_and_the_others_from_labels_alone(arguments, run, tmp_path):
    words = ["recipe" if word == "combine" else word for word in arguments]
    code, out, err = run(*words, "--vary", "mixup=0.1", "--json")
    assert code == 0, err
    (baseline, _) = json.loads(out)["tables"][0]["lines"]
    teacher = tmp_path / "out" / "runs" / f"{baseline['key']}-seed-1" / "best.safetensors"
    code, out, err = run(*words, "--teacher", teacher, "--json")
    assert code == 0, err
    table = json.loads(out)
    assert table["teachers"] == f"{teacher.parent.name}/best.safetensors"
    lines = table["tables"][0]["lines"]
    assert lines[0] == baseline, "what is there is kept: it has no teachers"
    assert lines[-1]["name"] == f"{baseline['name'].removesuffix(', from scratch')}, taught, from scratch"
    configs = {
        line["key"]: json.loads((tmp_path / "out" / "runs" / f"{line['key']}-seed-1" / "config.json").read_text())
        for line in lines
    }
    assert [config["teachers"] for config in configs.values()] == [[]] * (len(lines) - 1) + [[str(teacher)]]


def test_teachers_that_are_not_there_or_have_no_place_are_found_first(arguments, run, tmp_path):
    words = ["recipe" if word == "combine" else word for word in arguments]
    for teacher, said in (
        (tmp_path / "nobody.safetensors", f"no checkpoint at {tmp_path / 'nobody.safetensors'}"),
        ("bundled", "bundled cannot teach this: it answers with glass, paper, "),
    ):
        code, _, err = run(*words, "--teacher", teacher)
        assert (code, said in " ".join(err.split())) == (2, True), err
    code, _, err = run(*arguments, "--teacher", "bundled")
    assert (code, "--teacher goes with the suite recipe, not with combine" in err) == (2, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("suite", "line", "message"),
    [
        ("combine", "mixup=0.1", "--vary goes with the suite recipe, not with combine"),
        ("recipe", "mixing=0.1", "unknown setting 'mixing'"),
        ("recipe", "mixup", "expected KEY=VALUE, not 'mixup'"),
        ("recipe", "mixup=a lot", "mixup"),
    ],
)
def test_a_change_that_is_none_is_found_first(arguments, run, tmp_path, suite, line, message):
    code, _, err = run(*[(suite if word == "combine" else word) for word in arguments], "--vary", line)
    assert code == 2
    assert message in err
    assert not (tmp_path / "out").exists()
