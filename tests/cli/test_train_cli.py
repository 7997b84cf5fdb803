"""train, evaluate, export, summary as a user runs them: in their own process."""

import json
import signal
import subprocess
import sys
import time

import pytest

from recyclenet.errors import MissingExtraError

TINY = ["--arch", "test_efficientnet", "--attn", "recyclenet", "--pretrained", "none", "--img-size", "32"]
FIXED = ["--mean", "0.5", "--std", "0.5", "--workers", "0", "--device", "cpu", "--batch-size", "8"]
FIXED += ["--set", "recipe.keep=0"]  # it keeps to pretrained weights, of which there are none here


def test_from_photos_to_an_answer(class_folders, tmp_path, run):
    """The whole way: train, evaluate the checkpoint, export, evaluate the export, predict."""
    out = tmp_path / "run"

    def cli(*args):
        code, printed, err = run(*args)
        assert code == 0, err
        return printed, err

    train = ("train", "--data", class_folders, *TINY, *FIXED, "--epochs", 2, "--lr", 0.003, "--out", out)
    printed, err = cli(*train)
    assert "wrote" in err
    assert (class_folders / "splits.csv").exists()
    assert "best: epoch" in printed
    checkpoint, exported = out / "best.safetensors", tmp_path / "model.onnx"
    photos = class_folders / "glass"
    cli("export", checkpoint, "-o", exported, "--photos", photos)
    first, second = (
        json.loads(cli("evaluate", path, "--data", class_folders, "--json")[0]) for path in (checkpoint, exported)
    )
    assert first["total"] == second["total"] == 9
    assert first["confusion"] == second["confusion"]
    assert first["nll"] == pytest.approx(second["nll"], abs=1e-4)
    printed, _ = cli("predict", photos, "--model", exported, "--json")
    answers = [json.loads(line) for line in printed.splitlines()]
    assert len(answers) == 20
    assert {answer["label"] for answer in answers} <= {"glass", "paper", "metal"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_checkpoint_and_says_how_to_go_on(class_folders, tmp_path, number, run):
    out = tmp_path / "run"
    arguments = ["train", "--data", class_folders, *TINY, *FIXED, "--epochs", 200, "--recipe", "paper", "--out", out]
    command = [sys.executable, "-m", "recyclenet", *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    while not (out / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"recyclenet train --resume --out {out}" in err
    assert "Traceback" not in err
    _, printed, _ = run("evaluate", out / "last.safetensors", "--data", class_folders, "--json")
    assert json.loads(printed)["total"] == 9


def test_resume_takes_no_other_settings(class_folders, tmp_path, run):
    out = tmp_path / "run"
    train = ("train", "--data", class_folders, *TINY, *FIXED)
    code, _, err = run(*train, "--epochs", 1, "--out", out)
    assert code == 0, err
    code, _, err = run("train", "--resume", "--out", out, "--lr", 0.5)
    assert code == 2
    assert "recipe.lr: 0.0005 → 0.5" in err
    code, _, err = run("train", "--resume", "--out", out, "--recipe", "paper")
    assert code == 2
    assert "recipe.name: best → paper" in err
    code, _, err = run("train", "--resume", "--out", out, "--workers", 1, "--checkpoint-every", 1)
    assert code == 0, err
    code, _, err = run("train", "--resume", "--out", out, "--epochs", 2, "--force")
    assert code == 0, err
    assert "not as it was started: recipe.epochs: 1 → 2" in err
    code, _, err = run(*train, "--epochs", 1, "--out", out)
    assert code == 2
    assert "already holds a run" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "--data is missing"),
        (["train", "--resume"], "--resume needs --out"),
        (["train", "--data", ".", "--force"], "--force goes with --resume"),
        (["train", "--data", ".", "--checkpoint-every", "-1"], "checkpoint_every must lie between"),
        (["train", "--resume", "--out", "nothing"], "no run to resume"),
        (["train", "--data", "nothing"], "does not exist"),
        (["train", "--data", ".", "--recipe", "slow"], "choose paper, fast, best"),
        (["train", "--data", ".", "--epochs", "0"], "epochs must lie between"),
        (["train", "--data", ".", "--set", "recipe.mixing=1"], "unknown setting 'recipe.mixing'"),
        (["train", "--data", ".", "--attn", "spatial"], "attn must be one of none, recyclenet, se, cbam"),
        (["train", "--data", ".", "--mean", "a"], "--mean must be one number or three"),
        (["train", "--data", ".", "--arch", "resnet19"], "unknown architecture 'resnet19'; did you mean resnet"),
        (["train", "--data", ".", "--recipe", "fast", "--pretrained", "none"], "needs pretrained weights"),
        (["summary", "--gates", "spatial"], "belong to attn=recyclenet"),
        (["summary", "--img-size", "-5"], "img_size must lie between"),
        (["summary", "--num-classes", "100000000000000000000"], "two classes or more"),
        (["summary", "--arch", "resnet19"], "unknown architecture 'resnet19'; did you mean resnet"),
        (["evaluate", "missing.safetensors", "--data", "."], "no checkpoint at missing.safetensors"),
        (["evaluate", "missing.onnx", "--data", "."], "no model at missing.onnx"),
        (["evaluate", "--data", "nothing"], "does not exist"),
        (["export", "missing.safetensors"], "no checkpoint at"),
    ],
)
def test_mistakes_get_one_line_and_code_2(run, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code, out, err = run(*arguments)
    assert code == 2
    assert message in err
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert out == ""
    assert not (tmp_path / "runs").exists(), "nothing half-written"


def test_broken_photo_in_training_is_named(class_folders, tmp_path, run):
    from recyclenet.data.folder import split_photo_folder

    record = split_photo_folder(class_folders).split("train")[0]
    (class_folders / record.path).write_bytes(b"")
    code, _, err = run("train", "--data", class_folders, *TINY, *FIXED, "--out", tmp_path / "r")
    assert code == 2
    assert f"{record.path}: the file is empty" in err


def test_summary_json(run):
    arguments = ("summary", "--arch", "resnet50", "--attn", "recyclenet", "--gates", "channel,spatial", "--json")
    code, out, _ = run(*arguments)
    assert code == 0
    table = json.loads(out)
    assert table["params"] == 24_147_143
    assert table["attn_params"] == 626_817
    assert table["features"] == [2048, 7, 7]


def test_without_torch_a_command_says_what_to_install(monkeypatch):
    monkeypatch.setattr("recyclenet.extras.find_spec", lambda name: None if name == "torch" else object())
    monkeypatch.setattr(sys, "argv", ["recyclenet", "summary"])
    from recyclenet.cli.app import create_app

    with pytest.raises(MissingExtraError, match=r"pip install 'recyclenet\[train\]'"):
        create_app(sys.argv[1:])(standalone_mode=False)


def test_a_mistake_in_the_settings_leaves_the_data_alone(class_folders, run):
    code, _, _ = run("train", "--data", class_folders, "--arch", "resnet19")
    assert code == 2
    assert not (class_folders / "splits.csv").exists()


def test_a_run_that_does_not_begin_leaves_the_data_alone(class_folders, tmp_path, run):
    code, _, err = run(
        "train", "--data", class_folders, *TINY, *FIXED, "--pretrained", tmp_path / "no.pth", "--out", "r"
    )
    assert code == 2
    assert "no file of weights" in err
    assert not (class_folders / "splits.csv").exists()


def test_a_checkpoint_without_torch_says_what_to_install(monkeypatch, run):
    monkeypatch.setattr("recyclenet.extras.find_spec", lambda name: None if name == "torch" else object())
    code, _, err = run("evaluate", "model.safetensors", "--data", ".")
    assert code == 2
    assert "pip install 'recyclenet[train]'" in err


def test_unwritable_output(class_folders, tmp_path, run):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "run"
    code, _, err = run("train", "--data", class_folders, *TINY, *FIXED, "--out", out)
    assert code == 2
    assert err.splitlines()[-1].startswith("error: cannot ")
    assert (tmp_path / "file").stat().st_size == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--photos", "gpu"], "photos must be one of"),
        (["--photos", "device", "--recipe", "best"], "photos cannot be held on the device, because the recipe 'best'"),
    ],
)
def test_where_views_are_made_is_checked_first(class_folders, tmp_path, run, arguments, said):
    code, _, err = run("train", "--data", class_folders, *TINY, *FIXED, *arguments, "--out", tmp_path / "run")
    assert code == 2
    assert said in " ".join(err.split())
    assert not (tmp_path / "run").exists()
