"""What docs/webcam.md says is so, and what docs/deploy.md says of a camera."""

import configparser
import json
import re
import shlex
import sys

import pytest

from recyclenet.calibration import UNKNOWN_FROM
from recyclenet.rules import default_rules
from recyclenet.webcam import on_decision
from recyclenet.webcam.answer import Answer
from recyclenet.webcam.on_decision import OnDecision
from recyclenet.webcam.smoothing import Steadiness
from recyclenet.webcam.watcher import Change
from tests.conftest import REPOSITORY
from tests.webcam.fakes import MOMENT

PAGE = (REPOSITORY / "docs" / "webcam.md").read_text(encoding="utf-8")
DEPLOY = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
CHANGE = Change(MOMENT, 1.0, 31, Answer("metal", 0.9, default_rules().bin_for("metal")))


def test_options_named_in_the_docs_exist(run):
    _, out, _ = run("webcam", "--help")
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    _, unit = re.findall(r"```ini\n(.*?)```", DEPLOY, flags=re.DOTALL)
    parser.read_string(unit)
    words = shlex.split(parser["Service"]["ExecStart"])
    assert words[1] == "webcam"
    assert parser["Service"]["SuccessExitStatus"] == "143"
    table = re.findall(r"^\|.*?`(--[a-z-]+)`(?:, `(--[a-z-]+)`)? \|", PAGE, flags=re.MULTILINE)
    named = {option for row in table for option in row if option}
    assert len(named) == 7
    for option in named | {word for word in words if word.startswith("--")}:
        assert option in out, option


def test_the_lines_shown_are_lines_it_prints():
    shown = [json.loads(line) for line in re.findall(r"^\{.*\}$", PAGE, flags=re.MULTILINE)]
    for decision in shown:
        assert decision.keys() == CHANGE.to_table().keys()
        assert all(f"`{member}`" in PAGE for member in decision)
    assert [decision["label"] for decision in shown] == ["glass", None]


def test_the_figures_are_the_programs():
    steadiness = Steadiness()
    assert f"{steadiness.memory:g} s ago counts 37 %" in PAGE
    assert f"leads by {steadiness.margin:g}" in PAGE
    assert f"| {steadiness.dwell:g} | seconds" in PAGE
    edges = [UNKNOWN_FROM, UNKNOWN_FROM + steadiness.margin, UNKNOWN_FROM - steadiness.margin]
    assert "above {:g} on average ({:g} to begin, {:g} to end)".format(*edges) in " ".join(PAGE.split())
    assert f"A run of more than {on_decision.SECONDS:g} s is ended" in PAGE


@pytest.mark.parametrize(
    ("target", "angles"),
    [(default_rules().bin_for("metal"), [0, -60, 0]), (default_rules().bin_for("paper"), [0, 60, 0]), (None, [])],
)
def test_the_flap(tmp_path, monkeypatch, target, angles):
    """The script of the page with a servo that only writes down where it turns."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "flap.py").write_text(code.replace("sleep(2)", "sleep(0)").replace("sleep(1)", "sleep(0)"))
    (tmp_path / "gpiozero.py").write_text(
        "class AngularServo:\n"
        "    def __init__(self, pin, initial_angle):\n"
        "        self.angle = initial_angle\n"
        "    def __setattr__(self, name, value):\n"
        "        print(value, file=open('angles', 'a'))\n"
    )
    monkeypatch.chdir(tmp_path)
    reports = []
    hook = OnDecision(shlex.join([sys.executable, "flap.py"]), reports.append)
    hook(Change(MOMENT, 1.0, 31, None if target is None else Answer("thing", 0.9, target)))
    hook.close(finish=True)
    assert reports == []
    turned = (tmp_path / "angles").read_text().split() if angles else []
    assert turned == [str(angle) for angle in angles]
    assert (tmp_path / "angles").exists() == bool(angles)


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        name, _, heading = target.partition("#")
        text = (REPOSITORY / "docs" / name).read_text(encoding="utf-8")
        headings = {title.strip().lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        assert not heading or heading in headings, target
