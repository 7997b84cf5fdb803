"""Every command of the README is run here, in its order, and prints what the README says that it prints.

Stand-ins for the outside world: photos come from a local TrashNet instead of the network, pretrained weights from a
file instead of the hub. Training is shortened: one epoch on some of the photos.
"""

import json
import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from recyclenet.data.folder import open_photo_folder
from recyclenet.data.splits import PhotoRecord, write_splits
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
# Run by .ci/run, or by the Makefile with other words.
BY_CI = {"make demo", "make test", "pip install -e '.[train,augment,webcam,adapt,serve,bulk]'"}
BY_OTHER_TESTS = {
    "python webcam.py --resume save/model_best.pth.tar": "original/test_webcam_command.py",
    "recyclenet soup runs/1/last.safetensors runs/2/last.safetensors -o soup.safetensors": "cli/test_soup_cli.py",
    "recyclenet calibrate model.onnx --data data/trashnet": "test_calibrate.py",
    "recyclenet export --int8 runs/first/best.safetensors --data data/trashnet -o small.onnx": "quantize/test_job.py",
    "recyclenet parity model.onnx small.onnx --data data/trashnet": "test_parity.py",
    "recyclenet train --data data/trashnet --gpus 0,1": "training/test_distributed.py",
    "recyclenet train --data data/trashnet --recipe paper --pretrained none --photos device --compile": (
        "training/test_held_source.py"
    ),
    "recyclenet webcam": "webcam/test_live_window.py",
    "recyclenet webcam --source conveyor.mp4 --headless": "cli/test_webcam_cli.py",
    "recyclenet stress --data data/trashnet": "stress/test_stress.py",
}


def console_commands():
    """(command, lines printed after it) from the README's console blocks."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *printed = part.splitlines()
            found.append((command, printed))
    return found


def inline_commands():
    return re.findall(r"`(recyclenet [^`]+)`", README)


@pytest.fixture
def sandbox(tmp_path, monkeypatch, trashnet, class_folders):
    """A newcomer's folder: a photo, a broken one, class folders of their own."""
    monkeypatch.chdir(tmp_path)
    photo = (trashnet / "dataset-resized/glass/glass12.jpg").read_bytes()
    Path("bottle.jpg").write_bytes(photo)
    Path("broken.jpg").write_bytes(photo[:5000])
    class_folders.rename("my-photos")
    save_file(timm.create_model("resnet18").state_dict(), "imagenet.safetensors")
    few = [record for i, record in enumerate(open_photo_folder(trashnet).records) if i % 40 == 0]
    for record in few:
        Path("small", record.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(trashnet / record.path, Path("small", record.path))
    write_splits("small/splits.csv", [PhotoRecord(r.path, r.label, r.split) for r in few])
    return tmp_path


def in_this_world(command, trashnet):
    words = shlex.split(command)[1:]
    if words[:2] == ["data", "fetch"]:
        words += ["--from", str(trashnet)]
    if any(word.startswith("runs/") for word in words):
        words = ["small" if word == "data/trashnet" else word for word in words]
    if words[0] == "train" and "--resume" not in words:
        words[words.index("imagenet")] = "imagenet.safetensors"
        words += ["--epochs", "1", "--set", "recipe.views=1"]
    if words[0] == "ablate":
        words[words.index("data/trashnet")] = "small"
        words[words.index("--seeds") + 1] = "1"
        words += ["--pretrained", "imagenet.safetensors", "--epochs", "1", "--set", "recipe.views=1"]
        words += ["--set", "recipe.img_size=64", "--set", "recipe.resize=72"]
    if words[0] == "main.py":
        words[words.index("data/trashnet")] = "small"
        words += [] if "-e" in words else ["--pretrained", "imagenet.safetensors", "--epochs", "1", "-j", "0"]
    if words[0] == "export":
        words += ["--photos", "bottle.jpg"]
    return words


@pytest.fixture
def run_script(monkeypatch, capsys):
    """A script of the repository in this process: (exit code, standard output, standard error)."""

    def run_script(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(REPOSITORY / name), run_name="__main__")
        return int(ended.value.code or 0), *capsys.readouterr()

    return run_script


def assert_printed(line, output):
    if not line.startswith("{"):
        assert line in output.splitlines(), f"the README says {line!r}; printed was:\n{output}"
        return
    wanted = json.loads(line)
    found = next(json.loads(item) for item in output.splitlines() if f'"{wanted["path"]}"' in item)
    assert found.keys() == wanted.keys()
    assert found.get("error") == wanted.get("error")
    assert found.get("label") == wanted.get("label")
    assert found.get("probs", {}) == pytest.approx(wanted.get("probs", {}), abs=1e-3)


def test_every_command_does_what_the_readme_says(sandbox, trashnet, run, run_script):
    done = 0
    for command, printed in console_commands():
        if command in BY_CI or command in BY_OTHER_TESTS:
            continue
        call = run_script if command.startswith("python ") else run
        code, out, err = call(*in_this_world(command, trashnet))
        assert code == (1 if "broken.jpg" in command else 0), f"{command}\n{err}"
        for line in printed:
            assert_printed(line, out + err)
        done += 1
    assert done >= 10
    assert {"report.html", "confusion.png"} <= {path.name for path in Path("report").iterdir()}
    assert len(list(Path("heat").iterdir())) == 60
    assert Path("my-photos/splits.csv").exists()
    assert Path("answers/part-000000.parquet").exists()
    assert len(list(Path("more-photos").rglob("*_affine_2.jpg"))) == 42
    assert len(list(Path("augmented").rglob("*.jpg"))) == 3 * 60
    assert Path("seen/contact-sheet.png").exists()
    assert Path("ablations/gates.md").exists()
    assert Path("model.safetensors").exists()


def test_commands_that_ci_runs():
    script = (REPOSITORY / ".ci" / "run").read_text()
    assert {"make demo", "make test"} <= set(script.splitlines())
    named = {command for command, _ in console_commands()}
    assert {command for command in named if not command.startswith(("recyclenet", "python"))} == BY_CI
    for command, test in BY_OTHER_TESTS.items():
        assert command in named
        assert (REPOSITORY / "tests" / test).exists()


def test_commands_in_the_text_exist(run):
    assert inline_commands()
    for command in inline_commands():
        words = [word for word in shlex.split(command)[1:] if word.isidentifier() or "-" in word.strip("-")]
        names = words[:2] if words[0] == "data" else words[:1]
        code, _, err = run(*names, "--help")
        assert code == 0, err


def test_example_in_python(sandbox, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    exec(compile(example.replace("# the bundled model", "#"), "README.md", "exec"), {})
    label, prob, milliseconds = capsys.readouterr().out.split()
    assert label == "glass"
    assert 0 < float(prob) <= 1
    assert float(milliseconds) > 0


def anchors(text: str) -> set[str]:
    """How the headings of a Markdown file are linked to."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = REPOSITORY / name if name else REPOSITORY / "README.md"
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target
