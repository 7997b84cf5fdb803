"""The short way into `predict` must read a command line as typer does, or leave it to typer."""

import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from recyclenet.cli import predict as command
from recyclenet.cli.app import create_app
from recyclenet.cli.plain_predict import PlainPredict, plain_predict
from tests.conftest import save_photo

PLAIN = [
    ["a.jpg"],
    ["a.jpg", "--json", "b c.jpg", "", "*.png"],
    ["--json", "--json", "a.jpg"],
    ["--model", "m.onnx", "a.jpg", "--rules", "deposit"],
    ["a.jpg", "--model", "m.onnx", "--model", "n.onnx"],
    ["a.jpg", "--model", ""],
    ["predict"],
]
LEFT = [
    [],
    ["--json"],
    ["a.jpg", "--help"],
    ["a.jpg", "-h"],
    ["a.jpg", "--"],
    ["a.jpg", "--no-json"],
    ["a.jpg", "--js"],
    ["a.jpg", "--model=m.onnx"],
    ["a.jpg", "--model"],
    ["a.jpg", "--model", "--json"],
    ["a.jpg", "--csv", "a.csv"],
    ["a.jpg", "--out", "answers"],
    ["-a.jpg"],
]


@pytest.mark.parametrize("arguments", PLAIN)
def test_reads_what_typer_reads(arguments, monkeypatch):
    """`answer_here` is stood in for, to see what it would be told."""
    told = []
    monkeypatch.setattr(command, "answer_here", lambda *given, **named: told.append((given, named)) or 0)
    done = CliRunner().invoke(create_app(["predict"]), ["predict", *arguments])
    assert done.exit_code == 0, done.output
    [((photos, model, rules), named)] = told
    assert named == {"as_json": named["as_json"], "csv_file": None, "heatmaps": None}
    assert plain_predict(["predict", *arguments]) == PlainPredict(tuple(photos), model, rules, named["as_json"])


@pytest.mark.parametrize("arguments", LEFT)
def test_leaves_everything_else(arguments):
    assert plain_predict(["predict", *arguments]) is None


def test_windows_has_its_own_way_with_arguments(monkeypatch):
    monkeypatch.setattr("recyclenet.cli.plain_predict.os.name", "nt")
    assert plain_predict(["predict", "a.jpg"]) is None


def test_other_commands_are_left():
    assert plain_predict([]) is None
    assert plain_predict(["--help"]) is None
    assert plain_predict(["webcam", "a.jpg"]) is None


def test_a_reader_that_leaves_is_no_error(tmp_path):
    save_photo(tmp_path / "photo.jpg", (60, 160, 80), np.random.default_rng(1))
    line = [sys.executable, "-m", "recyclenet", "predict", str(tmp_path / "photo.jpg")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 1


def test_a_reader_of_errors_that_leaves_is_no_error(tmp_path):
    """Not rich, which has its own way with that, but a plain line."""
    line = [sys.executable, "-m", "recyclenet", "predict", str(tmp_path / "none.jpg")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stderr.close()
        process.stdout.read()
    assert process.returncode == 1
