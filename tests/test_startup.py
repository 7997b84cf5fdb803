"""What the two most frequent commands load: each further module makes every start slower."""

import json
import subprocess
import sys

import pytest
from PIL import Image

CODE = """
import json, runpy, sys
sys.argv = json.loads(sys.argv[1])
try:
    runpy.run_module("recyclenet", run_name="__main__", alter_sys=False)
except SystemExit as ended:
    assert not ended.code, ended.code
json.dump(sorted(sys.modules), sys.stderr)
"""

# Of other packages; what these bring along by themselves is theirs.
LIGHT = {"typer", "rich", "annotated_doc", "shellingham", "markdown_it", "mdurl", "pygments", "attr", "attrs"}
ANSWERING = {"numpy", "PIL", "onnxruntime"}

# Of this package, beside the files in `cli`: all of them load to be listed, that of a named command alone.
BEGINNING = {"atomic", "entry", "errors"}
LISTING = BEGINNING | {"extras", "labels"}
PHOTO_TO_DECISION = {
    *("ahead", "answers", "bundled", "calibration", "class_directions", "config", "configs", "conformal"),
    *("description", "encoded", "machine", "metrics", "model_files", "onnx_file", "photo", "photo_structure"),
    *("outputs", "predictor", "preprocess", "rgb", "rules"),
    *("signature", "strict", "toml_file", "unknown"),
}


def loaded(*arguments):
    command = [sys.executable, "-c", CODE, json.dumps(["recyclenet", *arguments])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stderr)


def others(modules):
    """Top-level names that are neither Python's own, nor an installer's, nor this package's."""
    tops = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    return {name for name in tops if not name.startswith("_")} - {"recyclenet"}


def own(modules):
    parts = [name.split(".") for name in modules if name.startswith("recyclenet.")]
    return {names[1] for names in parts} - {"cli", "__main__"}


def test_help_loads_only_what_lists_the_commands():
    modules = loaded("--help")
    assert others(modules) <= LIGHT
    assert own(modules) == LISTING


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png"])
def test_predict_loads_only_what_answers(tmp_path, name):
    Image.new("RGB", (64, 64), (200, 200, 190)).save(tmp_path / name)
    modules = loaded("predict", str(tmp_path / name), "--json")
    assert others(modules) <= ANSWERING  # neither typer nor, since --json draws nothing, rich
    assert own(modules) == BEGINNING | PHOTO_TO_DECISION


def test_a_named_command_loads_no_other(tmp_path):
    modules = loaded("parity", "--help")
    commands = {name.removeprefix("recyclenet.cli.") for name in modules if name.startswith("recyclenet.cli.")}
    assert commands == {"app", "parity", "plain_predict"}
