"""The list of commands: what is in it, and that part of it is as good as all."""

import re

import pytest

from recyclenet.ablation.suites import SUITES
from recyclenet.cli.app import COMMANDS


def test_help_lists_every_command_in_its_order(run):
    code, out, _ = run("--help")
    assert code == 0
    listed = [word for word in re.findall(r"^\W*([a-z-]+) ", out, flags=re.MULTILINE) if word in COMMANDS]
    assert tuple(listed) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(run, name):
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"recyclenet {name}" in out


def test_a_mistyped_command_is_met_with_the_near_ones(run):
    code, _, err = run("predcit")
    assert code == 2
    assert "predict" in err


def test_ablate_names_its_suites(run):
    _, out, _ = run("ablate", "--help")
    assert all(suite in out for suite in SUITES)
