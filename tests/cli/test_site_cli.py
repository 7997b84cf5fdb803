import json
from pathlib import Path

import pytest


def test_a_site_for_people_and_for_programs(run, tmp_path):
    code, out, err = run("site", "--out", tmp_path / "site")
    assert (code, err) == (0, "")
    there = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert f"The site is in {tmp_path / 'site'}: {len(there)} files" in out
    assert "python3 -m http.server" in out
    code, out, err = run("site", "--out", tmp_path / "site", "--rules", "single-stream", "--json")
    assert (code, err) == (0, "")
    size = sum(path.stat().st_size for path in there[0].parents[0].rglob("*") if path.is_file())
    assert json.loads(out).keys() == {"folder", "files", "bytes"}
    assert json.loads(out)["folder"] == str(tmp_path / "site")
    assert json.loads(out)["files"] == len(there)
    assert json.loads(out)["bytes"] >= size
    rules = json.loads((tmp_path / "site" / "model.json").read_text())["rules"]
    assert rules["materials"]["paper"] == rules["materials"]["cardboard"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "full"], "full holds letter.txt, not written by 'recyclenet site'"),
        (["--out", "new", "--rules", "nonsense"], "unknown rules 'nonsense'"),
        (["--out", "new", "--model", "missing.onnx"], "no model at missing.onnx"),
        (["--out", "new", "--model", "full/letter.txt"], "not a usable ONNX model"),
    ],
)
def test_mistakes_are_said_in_one_line(run, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    Path("full").mkdir()
    Path("full/letter.txt").write_text("dear")
    code, out, err = run("site", *arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err
    assert not Path("new").exists()
    assert [path.name for path in Path("full").iterdir()] == ["letter.txt"]
