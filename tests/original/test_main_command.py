"""python main.py on a dozen and a half of TrashNet's photos, at full size: the recipe has no other."""

import json
import math
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recyclenet.checkpoint import load_classifier, read_checkpoint
from recyclenet.data.folder import open_photo_folder
from recyclenet.errors import RecycleNetError
from recyclenet.original.checkpoint import read_original
from recyclenet.original.main_command import main, run
from recyclenet.original.options import create_config, parse_options
from recyclenet.original.run_files import continue_run
from recyclenet.training import loop
from tests.original.reference import make_state, save_original
from tests.training.test_loop import StopAfter

MAIN = Path(__file__).resolve().parents[2] / "main.py"
FLAGS = ["--gpu", "cpu", "--no_pretrain", "--use_att", "-j", "0", "--b", "3", "-p", "1", "--lr", "0.01"]
VALUES = r"\d+\.\d{3} \(\d+\.\d{3}\)"
MEANS = rf"Loss \d+\.\d{{4}} \(\d+\.\d{{4}}\)\tAcc@1 {VALUES}"
TRAIN_LINE = re.compile(rf"Epoch: \[(\d+)\]\[(\d+)/2\]\tTime {VALUES}\tData {VALUES}\t{MEANS}")
VAL_LINE = re.compile(r" \* Acc@1 (\d+\.\d{3})")
TEST_LINE = re.compile(rf"Test: \[0/1\]\tTime {VALUES}\t{MEANS}")


@pytest.fixture(scope="module")
def whole(root_dir, tmp_path_factory):
    """The save_dir of two epochs in one go."""
    save_dir = tmp_path_factory.mktemp("save")
    assert run([*FLAGS, "--root_dir", str(root_dir), "--save_dir", str(save_dir), "--epochs", "2"]) == 0
    return save_dir


def table_of(path):
    return torch.load(path, weights_only=True)


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_the_script_trains_and_evaluates_in_the_originals_format(root_dir, tmp_path, capsys):
    """As a user runs it, on a machine without a GPU."""

    places = ["--root_dir", str(root_dir), "--save_dir", str(tmp_path / "save")]
    flags = ["--gpu", "0", "--no_pretrain", "--use_att", "--b", "3", "-j", "0", "-p", "1", "--epochs", "1"]
    done = subprocess.run([sys.executable, str(MAIN), *flags, *places], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    if not torch.cuda.is_available():
        assert "no GPU" in done.stderr
    steps = [TRAIN_LINE.fullmatch(line) for line in lines[:-1]]
    assert [match and match.groups() for match in steps] == [("0", "0"), ("0", "1")]
    assert VAL_LINE.fullmatch(lines[-1])
    assert {path.name for path in (tmp_path / "save").iterdir()} == {"checkpoint.pth.tar", "model_best.pth.tar", "run"}

    best = str(tmp_path / "save" / "model_best.pth.tar")
    assert run(["--gpu", "0", "--resume", best, "--use_att", "-e", *places]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert TEST_LINE.fullmatch(lines[0])
    percent = VAL_LINE.fullmatch(lines[1])[1]
    # Defect 10: the original reports no counts, no interval and no confusion matrix.
    count, total = map(int, re.match(r"(\d+)/(\d+) = .*95 % interval", lines[2]).groups())
    assert total == 6
    assert percent == f"{100 * count / 6:.3f}"
    matrix = [[int(cell) for cell in line.split("|")[2:-1]] for line in lines[-6:]]
    assert [sum(row) for row in matrix] == [1] * 6
    assert sum(matrix[i][i] for i in range(6)) == count
    assert re.split(r" \| ?", lines[-8])[1:-1] == ["glass", "paper", "cardboard", "plastic", "metal", "trash"]


def test_every_epoch_leaves_the_originals_two_files(whole):
    last, best = table_of(whole / "checkpoint.pth.tar"), table_of(whole / "model_best.pth.tar")
    run_best = read_checkpoint(whole / "run" / "best.safetensors")
    assert (last["epoch"], last["arch"]) == (2, "resnet18_base")
    assert best["epoch"] == run_best.description.training["epoch"]
    assert best["best_acc1"] == last["best_acc1"] == pytest.approx(100 * run_best.description.metrics["val_accuracy"])
    assert same(load_classifier(whole / "model_best.pth.tar")[0].state_dict(), run_best.weights)
    assert len(last["optimizer"]["state"]) == len(last["optimizer"]["param_groups"][0]["params"]) == 68


def test_defect_7_a_stopped_run_goes_on_exactly(whole, root_dir, tmp_path, monkeypatch, capsys):
    """Stopped in the middle of the second epoch: weights, statistics, momentum, best and randomness come back."""
    places = ["--root_dir", str(root_dir), "--save_dir", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(3, signal.SIGTERM))
        assert run([*FLAGS, *places, "--epochs", "5"]) == 128 + 15
    assert f"--resume {tmp_path / 'checkpoint.pth.tar'}" in capsys.readouterr().err
    stopped = table_of(tmp_path / "checkpoint.pth.tar")
    assert stopped["epoch"] == 1
    assert run([*FLAGS, *places, "--epochs", "2", "--resume", str(tmp_path / "checkpoint.pth.tar")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [match[0][:13] for line in lines if (match := TRAIN_LINE.fullmatch(line))] == ["Epoch: [1][1/"]
    wanted, found = (table_of(folder / "checkpoint.pth.tar") for folder in (whole, tmp_path))
    assert same(found["state_dict"], wanted["state_dict"])
    assert found["best_acc1"] == wanted["best_acc1"] >= stopped["best_acc1"]
    for number, memory in wanted["optimizer"]["state"].items():
        assert torch.equal(found["optimizer"]["state"][number]["momentum_buffer"], memory["momentum_buffer"])
    assert not (tmp_path / "run-2").exists(), "the same run goes on in its own folder"
    assert json.loads((tmp_path / "run" / "config.json").read_text())["recipe"]["epochs"] == 2
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(rows) == 1 + 2


def prepare(path, root_dir, save_dir, *flags, **kwargs):
    """What a resume would start from: (the run's last checkpoint, its place, notes)."""
    notes = []
    options, _ = parse_options([*FLAGS, "--root_dir", str(root_dir), *flags])
    original = read_original(path)
    config = replace(create_config(options, "cpu"), model=original.description.model)
    out = continue_run(original, config, open_photo_folder(root_dir), save_dir, notes.append, **kwargs)
    last = read_checkpoint(out.last)
    return out, last, last.train_state.values, notes


def test_defect_7_the_originals_own_file_keeps_its_best(root_dir, tmp_path):
    state = make_state(18, ("channel", "spatial"))
    names = [name for name in state if not name.endswith(("mean", "var", "tracked"))]
    momentum = {n: {"momentum_buffer": torch.full_like(state[name], float(n))} for n, name in enumerate(names)}
    optimizer = {"state": momentum, "param_groups": [{"lr": 2e-4, "params": list(range(68))}]}
    file = save_original(tmp_path / "checkpoint.pth.tar", state, optimizer=optimizer, best_acc1=torch.tensor(50.0))
    out, last, values, notes = prepare(file, root_dir, tmp_path)
    assert out.path == tmp_path / "run"
    assert values["epoch"] == 12
    assert (values["best"]["val_correct"], values["best"]["val_total"]) == (3, 6)
    assert math.isnan(values["best"]["val_loss"])
    assert "momentum of SGD" in notes[0]
    assert "no random states" in notes[0]
    model, _ = load_classifier(out.last)
    for number, (name, _) in enumerate(model.named_parameters()):
        held = last.train_state.tensors[f"optimizer.{number}.momentum_buffer"]
        place = {"head": "module.final_fc", "backbone": "module"}.get(name.partition(".")[0])
        if place:
            assert (held == names.index(f"{place}.{name.partition('.')[2]}")).all(), name
    # An epoch is the best only if it is better than the file's.
    args = (parse_options([*FLAGS, "--epochs", "13", "--root_dir", str(root_dir)])[0], "cpu")
    config = replace(create_config(*args), model=last.description.model)
    seen = []

    class Watcher:
        note = features = step = lambda *_: None

        def epoch(self, row, epochs, best):
            seen.append((row["epoch"], row["val_correct"], best))

    result = loop.train(config, open_photo_folder(root_dir), out, Watcher(), resume=True)
    (epoch, correct, best), wanted = seen[0], result.best
    assert epoch == 13
    assert best == (correct > 3)
    assert wanted["val_correct"] == max(correct, 3)


def test_other_settings_or_photos_are_said_and_get_a_folder_of_their_own(whole, root_dir, tmp_path):
    file = whole / "checkpoint.pth.tar"
    out, _, values, notes = prepare(file, root_dir, tmp_path, "--lr", "0.5", "--epochs", "9")
    assert "recipe.lr: 0.01 → 0.5" in notes[0]
    assert "epochs" not in notes[0]
    assert (out.path.name, values["epoch"], len(values["history"])) == ("run", 2, 2)
    out, _, values, notes = prepare(file, root_dir, tmp_path, start_epoch=1)
    assert (out.path.name, values["epoch"], notes) == ("run-2", 1, [])


def test_start_epoch_of_a_new_run(root_dir, tmp_path, capsys):
    places = ["--root_dir", str(root_dir), "--save_dir", str(tmp_path)]
    assert run([*FLAGS, *places, "--start-epoch", "99", "-p", "2"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [TRAIN_LINE.fullmatch(line)[1] for line in printed[:-1]] == ["99"], "a line every two steps"
    assert table_of(tmp_path / "checkpoint.pth.tar")["epoch"] == 100


def test_a_new_run_writes_over_no_old_one(whole, root_dir, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    places = ["--root_dir", str(root_dir), "--save_dir", str(tmp_path)]
    assert run([*FLAGS, *places, "--start-epoch", "100"]) == 0
    assert "complete" in capsys.readouterr().err
    assert list((tmp_path / "run").iterdir()) == []


def fake_epochs(monkeypatch, answer):
    """Epochs without their training and their photos: val's answers are `answer` for every photo."""
    monkeypatch.setattr(loop, "PhotoSource", lambda *_: type("Source", (), {"steps": 1, "close": lambda: None}))

    def train_epoch(self, source, updater):
        self.place.step, self.place.seen = 1, 1

    def predict(*_):
        return np.eye(6, dtype=np.float32)[[answer] * 6], np.arange(6)

    monkeypatch.setattr(loop._Run, "train_epoch", train_epoch)
    monkeypatch.setattr(loop, "predict_logits", predict)


@pytest.fixture
def theirs(tmp_path):
    """A folder of the original's: a last file that says 100 %, and the best one's weights in another."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    state = make_state(18, ("channel", "spatial"))
    save_original(folder / "checkpoint.pth.tar", state, best_acc1=torch.tensor(100.0))
    best = {name: tensor + 1 if name == "module.final_fc.bias" else tensor for name, tensor in state.items()}
    save_original(folder / "model_best.pth.tar", best, best_acc1=torch.tensor(100.0), epoch=9)
    return folder


@pytest.mark.parametrize(
    ("epochs", "beside"), [("12", "same run"), ("13", "same run"), ("13", "none"), ("13", "other")]
)
def test_a_resume_elsewhere_takes_the_best_along(root_dir, tmp_path, monkeypatch, capsys, theirs, epochs, beside):
    """Nothing better comes: both files that the last line names are there."""
    fake_epochs(monkeypatch, answer=0)
    last, best, save_dir = theirs / "checkpoint.pth.tar", theirs / "model_best.pth.tar", tmp_path / "save"
    if beside == "none":
        best.unlink()
    if beside == "other":
        save_original(best, make_state(18, ("channel", "spatial"), seed=1), best_acc1=40.0)
    wanted = (best if beside == "same run" else last).read_bytes()
    places = ["--root_dir", str(root_dir), "--save_dir", str(save_dir), "--resume", str(last)]
    assert run([*FLAGS, *places, "--epochs", epochs]) == 0
    assert f"model_best.pth.tar and checkpoint.pth.tar in {save_dir}" in capsys.readouterr().err
    assert (save_dir / "model_best.pth.tar").read_bytes() == wanted
    assert table_of(save_dir / "checkpoint.pth.tar")["epoch"] == int(epochs)


def test_a_better_epoch_replaces_the_best_that_was_taken_along(root_dir, tmp_path, monkeypatch):
    """And a run's own file says what it started from, however often it goes on."""
    file = save_original(tmp_path / "m.pth.tar", make_state(18, ("channel", "spatial")), best_acc1=0.0)
    fake_epochs(monkeypatch, answer=0)
    save_dir = tmp_path / "save"
    places = ["--root_dir", str(root_dir), "--save_dir", str(save_dir)]
    assert run([*FLAGS, *places, "--epochs", "13", "--resume", str(file)]) == 0
    best = (save_dir / "model_best.pth.tar").read_bytes()
    assert table_of(save_dir / "model_best.pth.tar")["best_acc1"] == pytest.approx(100 / 6)
    assert run([*FLAGS, *places, "--epochs", "14", "--resume", str(save_dir / "checkpoint.pth.tar")]) == 0
    assert (save_dir / "model_best.pth.tar").read_bytes() == best
    assert json.loads((save_dir / "run" / "config.json").read_text())["pretrained"] == "m.pth.tar"


def test_defect_6_pretrained_weights_that_do_not_fit_are_named(root_dir, tmp_path):
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7), "layer9.weight": torch.zeros(1)}, tmp_path / "w.pth")
    flags = ["--gpu", "cpu", "--pretrained", str(tmp_path / "w.pth"), "--save_dir", str(tmp_path / "save")]
    with pytest.raises(
        RecycleNetError, match=r"do not fit resnet18: missing: bn1\.weight.*not of this network: layer9"
    ):
        run([*flags, "--root_dir", str(root_dir)])


def test_defect_9_the_split_is_that_of_the_lists_which_are_read_by_their_names(root_dir, tmp_path, monkeypatch):
    folder = open_photo_folder(root_dir)
    for split in ("train", "val", "test"):
        lines = (root_dir / f"one-indexed-files-notrash_{split}.txt").read_text().split()[::2]
        assert sorted(Path(record.path).name for record in folder.split(split)) == sorted(lines)
    bare = tmp_path / "data"
    bare.mkdir()
    (bare / "dataset-resized").symlink_to(root_dir / "dataset-resized")
    for root in (bare, bare / "dataset-resized"):
        with pytest.raises(RecycleNetError):
            run([*FLAGS, "--root_dir", str(root)])


def test_the_data_must_have_the_originals_classes(class_folders, tmp_path):
    with pytest.raises(RecycleNetError, match="has no split: expected dataset-resized/"):
        run([*FLAGS, "--root_dir", str(class_folders)])
    (class_folders / "splits.csv").write_text(
        "path,label,split\nglass/glass0.jpg,glass,train\npaper/paper0.jpg,paper,val\n"
    )
    with pytest.raises(RecycleNetError, match=r"photos of glass, paper; .*recyclenet train"):
        run([*FLAGS, "--root_dir", str(class_folders)])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--resume", "nothing.pth.tar"], "error: no checkpoint at nothing.pth.tar"),
        (["--resume", "{whole}", "--arch", "resnet34_base"], "give --arch resnet18_base --use_att --att_mode ours"),
        (["--epochs", "0"], "epochs must lie between"),
    ],
)
def test_mistakes_are_one_line_and_code_2(whole, root_dir, tmp_path, capsys, flags, message):
    flags = [flag.format(whole=whole / "checkpoint.pth.tar") for flag in flags]
    with pytest.raises(SystemExit) as ended:
        main([*FLAGS, "--root_dir", str(root_dir), "--save_dir", str(tmp_path / "save"), *flags])
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert len(err.splitlines()) == 1
    assert message in err


def test_evaluation_goes_by_the_file_where_flags_say_something_else(whole, root_dir, capsys):
    assert run(["--gpu", "cpu", "--root_dir", str(root_dir), "-e", "--resume", str(whole / "checkpoint.pth.tar")]) == 0
    printed, err = capsys.readouterr()
    assert "holds resnet18, attention recyclenet" in err
    assert TEST_LINE.match(printed)
