"""What several processes agree on, and how one finds out that it is one of them; without starting any."""

import os
import signal
import time
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from recyclenet.config import ModelConfig, Recipe, TrainConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.classifier import BatchDropout
from recyclenet.training import launch, team
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.join import LAUNCHER, Place, read_place
from recyclenet.training.launch import Start, choose_start, visible
from recyclenet.training.settings import check_team
from recyclenet.training.team import Team, TeamBrokenError, reaching_others

GIVEN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "node0", "MASTER_PORT": "29500"}


def test_the_place_that_torchrun_gives():
    assert read_place(GIVEN) == Place(rank=3, size=4, local_rank=1)
    assert read_place({"PATH": "/bin", "OMP_NUM_THREADS": "1"}) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"LOCAL_RANK": ""}, "but not LOCAL_RANK"),
        ({"MASTER_ADDR": "", "MASTER_PORT": ""}, "but not MASTER_ADDR, MASTER_PORT.*torchrun"),
        ({"RANK": "4"}, "RANK must be from 0 to WORLD_SIZE - 1.*RANK=4"),
        ({"RANK": "0"}, "LOCAL_RANK not above it"),
        ({"WORLD_SIZE": "many"}, "whole numbers.*WORLD_SIZE=many"),
        ({"RANK": "-1"}, "whole numbers"),
    ],
)
def test_a_place_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(RecycleNetError, match=message):
        read_place(GIVEN | changes)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("total", [0, 1, 2, 8, 9])
def test_parts_are_the_whole_in_order(total, size):
    parts = [Team(rank, size).part(range(total)) for rank in range(size)]
    assert [item for part in parts for item in part] == list(range(total))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_part_drops_what_the_whole_would():
    drop, batch = BatchDropout(0.5), torch.rand(6, 10) + 1
    torch.manual_seed(3)
    whole = functional.dropout(batch, 0.5)
    for rows in (slice(0, 2), slice(2, 6), slice(6, 6)):
        torch.manual_seed(3)
        drop.take_part(rows, 6)
        assert torch.equal(drop(batch[rows]), whole[rows])
    assert torch.equal(drop.eval()(batch), batch)


def test_each_process_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(team.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(team.torch.cuda, "device_count", lambda: 2)
    assert [Team(1, 2, 1).device(name) for name in ("auto", "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]
    assert Team().device("cuda:7") == "cuda:7"
    with pytest.raises(RecycleNetError, match="process 3 on this machine has no GPU: there are 2"):
        Team(2, 3, 2).device("auto")
    with pytest.raises(RecycleNetError, match="not 'cuda:0'"):
        Team(0, 2, 0).device("cuda:0")


def run_of(**recipe):
    return TrainConfig("photos", ModelConfig(), Recipe(name="r", epochs=1, lr=0.1, **recipe))


def test_a_compiled_step_is_for_one_process():
    config = replace(run_of(), compile=True)
    check_team(config, torch.device("cpu"), Team())
    with pytest.raises(RecycleNetError, match="--compile is for one process that trains alone, not for 2 together"):
        check_team(config, torch.device("cpu"), Team(0, 2))


def test_a_batch_that_cannot_be_divided_is_refused():
    recipe, cpu = run_of(batch_size=5), torch.device("cpu")
    check_team(recipe, cpu, Team(0, 2))
    with pytest.raises(RecycleNetError, match="5 photos is too small for 3 processes, each of which needs 2"):
        check_team(recipe, cpu, Team(0, 3))
    frozen = run_of(batch_size=5, batch_norm="frozen")
    check_team(frozen, cpu, Team(0, 5))
    with pytest.raises(RecycleNetError, match="too small for 6"):
        check_team(frozen, cpu, Team(0, 6))


def test_statistics_are_synced_on_gpus_alone():
    recipe = run_of(batch_norm="synced")
    check_team(recipe, torch.device("cuda"), Team(0, 2))
    check_team(recipe, torch.device("cpu"), Team())
    with pytest.raises(RecycleNetError, match="batch_norm=synced works on GPUs alone"):
        check_team(recipe, torch.device("cpu"), Team(0, 2))


def test_what_to_start(monkeypatch):
    for name in (*GIVEN, LAUNCHER):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert choose_start(None, None, "cuda:1") == Start(1, "cuda:1", {})
    assert choose_start(None, 3, "cpu") == Start(3, "cpu", {})
    assert choose_start("2", None, None) == Start(1, "cuda:2", {})
    assert choose_start("3,1", None, "cuda") == Start(2, "cuda", {"CUDA_VISIBLE_DEVICES": "3,1"})
    assert visible([2, 0], {"CUDA_VISIBLE_DEVICES": "4,5,GPU-abc"}) == {"CUDA_VISIBLE_DEVICES": "GPU-abc,4"}
    for gpus, processes, device, message in (
        ("0,1", 2, None, "leave --processes out"),
        ("0,1", None, "cpu", "contradict"),
        ("0,4", None, None, "this machine has GPUs 0 to 3"),
        ("0,0", None, None, "different numbers"),
        ("0,", None, None, "different numbers"),
        ("first", None, None, "not 'first'"),
    ):
        with pytest.raises(RecycleNetError, match=message):
            choose_start(gpus, processes, device)
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    assert choose_start(None, None, "cpu") == Start(1, "cpu", {})
    with pytest.raises(RecycleNetError, match="torchrun starts the processes already"):
        choose_start("0,1", None, None)
    monkeypatch.setenv(LAUNCHER, "5")
    assert choose_start("0,1", None, None) == Start(1, "cuda", {}), "a process that --gpus has started"


def test_a_lost_process_is_told_from_other_errors():
    with pytest.raises(TeamBrokenError, match="go on with --resume"), reaching_others():
        raise RuntimeError("[/gloo/transport/tcp/pair.cc:561] Connection closed by peer [127.0.0.1]:8065")
    with pytest.raises(RuntimeError, match="shape"), reaching_others():
        raise RuntimeError("shape '[2, 3]' is invalid")


def test_a_signal_that_is_passed_on_as_well_is_one_request():
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal_number == signal.SIGINT
        stop._came -= 2  # as if it had been a while ago
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_others_are_ended_when_one_fails(monkeypatch, tmp_path):
    """Those that hang, too: whatever they wait for."""
    monkeypatch.setattr(launch, "_GRACE_S", 0.2)
    monkeypatch.setattr(launch, "_LAST_GRACE_S", 0.2)
    hangs = "import os, signal, sys, time; signal.signal(15, signal.SIG_IGN); "
    clock = time.monotonic()
    with pytest.raises(RecycleNetError, match="process 1 of 2 was ended by SIGKILL"):
        launch.run_together(2, ["-c", hangs + "sys.exit(3) if os.environ['RANK'] == '1' else time.sleep(60)"])
    assert time.monotonic() - clock < 30
    assert launch.run_together(2, ["-c", "import os, sys; sys.exit(3 * int(os.environ['RANK']))"]) == 3
    assert launch.run_together(2, ["-c", "import os; assert int(os.environ['WORLD_SIZE']) == 2"]) == 0
