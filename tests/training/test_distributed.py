"""Training in two processes is training in one: the same losses, evaluation, files, stops and resumes."""

import csv
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from recyclenet.checkpoint import read_checkpoint
from recyclenet.data.folder import open_photo_folder, split_photo_folder
from recyclenet.training import loop
from recyclenet.training.run_folder import RunFolder
from tests.conftest import save_class_folders
from tests.training.crew import Crew
from tests.training.kills import finish
from tests.training.published import ARCH, publish
from tests.training.test_loop import QUIET, StopAfter

pytestmark = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()), reason="torch without gloo"
)

# Everything that is random or has a memory, with statistics that stay: 42 photos make four batches of ten and one of
# two, which is too small to be divided; a photo that cannot be read makes one batch uneven; 9 val photos are odd.
EXACT = {
    "epochs": 4, "batch_size": 10, "lr": 2e-3, "augment": "strong", "mixup": 0.2, "label_smoothing": 0.1,
    "ema_decay": 0.9, "warmup": 0.3, "batch_norm": "frozen", "keep": 0, "start": "fresh", "train_size": 0,
    "precision": "fp32",
}  # fmt: skip
# The head fitted to the features, some of them cached, and answers that are kept to.
FITTED = EXACT | {"epochs": 2, "start": "probe", "keep": 0.1, "trained_stages": 1, "views": 2, "batch_norm": "frozen"}


class Shop:
    """A folder of photos, one of them broken, and commands to train on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        folder = split_photo_folder(save_class_folders(root / "photos", np.random.default_rng(11)))
        publish(root / "weights.safetensors")
        self.lost = folder.split("train")[5].path
        file = folder.root / self.lost
        file.write_bytes(bytes(file.stat().st_size))

    def command(self, out: Path, recipe: dict[str, object], *more: object) -> list[object]:
        words = ["train", "--data", self.root / "photos", "--arch", ARCH, "--attn", "recyclenet", "--img-size", 32]
        words += ["--mean", 0.5, "--std", 0.5, "--device", "cpu", "--workers", 0, "--checkpoint-every", 0, "--out", out]
        words += ["--pretrained", self.root / "weights.safetensors", "--set", "max_unreadable=0.1"]
        for key, value in ({"recipe.resize": 36, "model.drop_rate": 0.2} | named(recipe)).items():
            words += ["--set", f"{key}={value}"]
        return [*words, *more]

    def in_one(self, out: Path, recipe: dict[str, object]) -> Path:
        finish([str(word) for word in self.command(out, recipe)], out.with_suffix(".log"))
        return out

    def in_two(self, out: Path, recipe: dict[str, object]) -> Path:
        crew = Crew(2, self.command(out, recipe), out.with_suffix(".log"))
        assert crew.finish() == [0, 0], crew.said()
        return out


def named(recipe):
    return {f"recipe.{key}": value for key, value in recipe.items()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def one(shop):
    return shop.in_one(shop.root / "one", EXACT)


@pytest.fixture(scope="module")
def two(shop):
    return shop.in_two(shop.root / "two", EXACT)


def history(run):
    with (run / "metrics.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def assert_alike(one, two, within=1e-5, weights_within=1e-3):
    """Figures of every epoch, and weights in the end."""
    untimed = [
        [{key: value for key, value in row.items() if key not in ("images_per_second", "elapsed_s")} for row in rows]
        for rows in (history(one), history(two))
    ]
    assert len(untimed[0]) == len(untimed[1])
    for row, other in zip(*untimed, strict=True):
        assert other == pytest.approx(row, abs=within)
    weights, others = (read_checkpoint(run / "last.safetensors").weights for run in (one, two))
    for name, tensor in weights.items():
        torch.testing.assert_close(others[name], tensor, rtol=0, atol=weights_within, msg=name)


def test_two_processes_have_the_losses_of_one(one, two):
    assert_alike(one, two)


@pytest.mark.parametrize("mixup", [0, 0.2])
def test_photos_in_two_places(shop, tmp_path, mixup):
    """Divided before the two views are put in turn, or gathered to be mixed; the last batch is not divided."""
    recipe = EXACT | {"epochs": 1, "batch_size": 20, "consistency": 1.0, "surfaces": 0, "mixup": mixup}
    one = shop.in_one(tmp_path / "one", recipe)
    assert_alike(one, shop.in_two(tmp_path / "two", recipe))


def test_the_comparison_sees_another_order_of_the_photos(shop, one, tmp_path):
    finish([str(word) for word in shop.command(tmp_path / "other", EXACT, "--seed", 5)], tmp_path / "log")
    with pytest.raises(AssertionError):
        assert_alike(one, tmp_path / "other")


def test_every_val_photo_counts_once_and_the_broken_one_never(shop, one, two):
    """Of 42 train photos one is broken, found by one of the two; the 9 of val are not padded to 10."""
    values = read_checkpoint(two / "last.safetensors").train_state.values
    assert [row["val_total"] for row in history(two)] == [9] * 4
    assert values["unreadable"].keys() == {shop.lost}
    assert values["updates"] == read_checkpoint(one / "last.safetensors").train_state.values["updates"]


def test_one_process_writes_and_speaks(one, two):
    assert {path.name for path in two.iterdir()} == {path.name for path in one.iterdir()}
    assert len(list((two / "tensorboard").iterdir())) == 1
    said = two.with_suffix(".log").read_text()
    for text in ("cpu, fp32, channels_last, 2 processes", "left out: ", "epoch 1/4", "best: epoch"):
        assert said.count(text) == 1, said
    assert "Warning" not in said


def test_cached_features_a_fitted_head_and_kept_answers(shop):
    fitted, apart = shop.in_one(shop.root / "fitted", FITTED), shop.in_two(shop.root / "apart", FITTED)
    for name, tensor in load_file(fitted / "start.safetensors").items():
        other = load_file(apart / "start.safetensors")[name]
        torch.testing.assert_close(other, tensor, rtol=0, atol=2e-3, msg=name)
    assert_alike(fitted, apart, within=1e-4, weights_within=5e-3)  # further apart than the starts, and no more


def test_from_one_process_to_two_and_back(shop, one, tmp_path, monkeypatch):
    """Stopped in one, gone on with in two until Ctrl-C reaches the second of them alone, ended in one."""
    out = RunFolder(tmp_path / "run")
    config, folder = RunFolder(one).read_config(), open_photo_folder(shop.root / "photos")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "StopRequest", lambda: StopAfter(7))
        loop.train(config, folder, out, QUIET)
    crew = Crew(2, ["train", "--resume", "--out", out.path], tmp_path / "log", interrupted=(1, 4))
    assert crew.finish() == [130, 130], crew.said()
    assert crew.said().count("recyclenet train --resume --out") == 1
    assert read_checkpoint(out.last).train_state.values["updates"] == 7 + 4
    loop.train(config, folder, out, QUIET, resume=True)
    assert_alike(one, out.path)


def test_when_one_is_killed_the_other_ends_with_a_word(shop, tmp_path):
    out = tmp_path / "run"
    crew = Crew(2, shop.command(out, EXACT | {"epochs": 500}), tmp_path / "log")
    crew.wait_for(out / "metrics.csv")
    crew.processes[1].kill()
    killed = time.monotonic()
    assert crew.finish() == [2, -signal.SIGKILL], crew.said()
    assert time.monotonic() - killed < 20
    assert "error: another process of this training has ended" in crew.said()
    assert "Traceback" not in crew.said()
    assert read_checkpoint(out / "last.safetensors").train_state.values["updates"] > 0


def test_torchrun_and_the_command_itself(shop, tmp_path):
    """Two machines, as far as one can be two: an agent each. Batch norm has its own statistics in each process."""
    recipe = EXACT | {"epochs": 1, "batch_norm": "own"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    torchrun = ["-m", "torch.distributed.run", "--nnodes", 2, "--nproc-per-node", 1, "--rdzv-backend", "c10d"]
    torchrun += ["--rdzv-endpoint", address, "--rdzv-id", "test", "--local-addr", "127.0.0.1", "-m", "recyclenet"]
    agents = [begin(*torchrun, *shop.command(tmp_path / "nodes", recipe)) for _ in range(2)]
    own = begin("-m", "recyclenet", *shop.command(tmp_path / "own", recipe, "--processes", 2))
    for process in (*agents, own):
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert_alike(tmp_path / "nodes", tmp_path / "own")
    statistics = read_checkpoint(tmp_path / "own" / "last.safetensors").weights
    untrained = load_file(shop.root / "weights.safetensors")
    moved = [name for name in untrained if name.endswith("running_mean")]
    assert moved
    assert not any(torch.equal(statistics[f"backbone.{name}"], untrained[name]) for name in moved)


def test_an_error_of_all_is_said_once(shop, tmp_path):
    crew = Crew(2, shop.command(tmp_path / "run", EXACT | {"batch_size": 1}), tmp_path / "log")
    assert crew.finish() == [2, 2]
    assert crew.said().count("error: ") == 1
    assert "a batch of 1 photos is too small for 2 processes" in crew.said()
    assert not (tmp_path / "run").exists()


def begin(*words):
    return subprocess.Popen(
        [sys.executable, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
