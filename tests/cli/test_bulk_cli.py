"""recyclenet predict --out: options that fit together, what is said, and the exit code."""

import json
import signal
import subprocess
import sys

import pyarrow.dataset as ds
import pytest

from recyclenet.bulk.job import JobReport
from recyclenet.errors import MissingExtraError
from tests.bulk.conftest import photos, tiny  # noqa: F401 (fixtures)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "local"], "--engine needs --out, a folder for the answers"),
        (["--list", "x.txt"], "--list needs --out"),
        (["--workers", "2"], "--workers needs --out"),
        (["--out", "o", "--csv", "a.csv"], "--csv and --out do not go together"),
        (["--out", "o", "--heatmaps", "h"], "--heatmaps and --out do not go together"),
        (["--out", "o", "--engine", "spark"], "--engine must be local or ray, not 'spark'"),
        (["--out", "o", "--ray-address", "auto"], "--ray-address needs --engine ray"),
        (["--out", "o", "--workers", "0"], "--workers must be 1 or more, not 0"),
        (["--out", "o", "--part-size", "0"], "part_size must lie between"),
        (["--out", "o", "--model", "none.onnx"], "no model at none.onnx"),
    ],
)
def test_options_that_do_not_fit(run, photos, tmp_path, monkeypatch, options, message):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    code, out, err = run("predict", photos, *options)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_a_job_in_words_and_in_json(run, photos, tiny, tmp_path):  # noqa: F811
    words = ("predict", photos, "--model", tiny, "--out", tmp_path / "out", "--part-size", "4", "--workers", "1")
    code, out, err = run(*words)
    assert code == 0
    assert out.startswith(f"11 of 11 photos have their answer in {tmp_path / 'out'}; 11 of them now, ")
    assert err == "1 of 11 photos could not be read\n"
    code, out, err = run(*words, "--json")
    assert (code, err) == (0, "1 of 11 photos could not be read\n")
    assert json.loads(out) == {
        "out": str(tmp_path / "out"),
        "photos": 11,
        "done": 11,
        "unreadable": 1,
        "complete": True,
        "answered_now": 0,
        "seconds": 0.0,
        "workers": 0,
        "machines": 0,
    }


def test_a_list_instead_of_photos(run, photos, tiny, tmp_path):  # noqa: F811
    (tmp_path / "list.txt").write_text(f"{photos}/paper.png\nmissing.jpg\n")
    words = ("--model", tiny, "--out", tmp_path / "out", "--workers", "1")
    code, _, err = run("predict", "--list", tmp_path / "list.txt", *words)
    assert (code, err) == (0, "1 of 2 photos could not be read\n")
    rows = ds.dataset(tmp_path / "out").to_table().to_pylist()
    assert [(row["path"], row["error"]) for row in rows] == [
        (f"{photos}/paper.png", None),
        ("missing.jpg", "no such file"),
    ]


def test_a_stop_while_photos_are_listed(run, photos, tiny, tmp_path, monkeypatch):  # noqa: F811
    stopped = JobReport(0, 0, 0, 0, 0.0, 0, 0, signal.SIGINT)
    monkeypatch.setattr("recyclenet.bulk.job.run_job", lambda *_, **__: stopped)
    code, out, err = run("predict", photos, "--model", tiny, "--out", tmp_path / "out")
    assert (code, out) == (130, "stopped while the photos were being listed: nothing is answered yet\n")
    assert err == "stopped; the same command begins again\n"


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_without_the_extra(run, photos, tmp_path, monkeypatch, engine):  # noqa: F811
    def absent(extra, what):
        raise MissingExtraError(what, extra)

    monkeypatch.setattr("recyclenet.cli.bulk.require_extra", absent)
    code, _, err = run("predict", photos, "--out", tmp_path / "out", "--engine", engine)
    extra = {"local": "bulk", "ray": "ray"}[engine]
    assert (code, err) == (2, f"error: --out needs the '{extra}' extra: pip install 'recyclenet[{extra}]'\n")


def test_neither_torch_nor_ray_is_loaded(photos, tiny, tmp_path):  # noqa: F811
    words = ["recyclenet", "predict", photos, "--model", tiny, "--out", tmp_path / "out", "--workers", "1"]
    code = (
        f"import sys, recyclenet.cli\nsys.argv = {list(map(str, words))!r}\n"
        "if __name__ == '__main__':\n"
        "    try:\n        recyclenet.cli.main()\n    except SystemExit as ended:\n        assert not ended.code\n"
        "    loaded = {'torch', 'ray'} & set(sys.modules)\n    assert not loaded, loaded\n"
    )
    (tmp_path / "program.py").write_text(code)
    made = subprocess.run([sys.executable, tmp_path / "program.py"], capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
