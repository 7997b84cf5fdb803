import pytest
import torch

from recyclenet.config import ModelConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.factory import create_classifier
from recyclenet.original.main_command import choose_device
from recyclenet.original.options import create_config, flags_for, names_network, parse_options
from recyclenet.recipes import load_recipe


def config_of(*flags):
    return create_config(parse_options(["--gpu", "0", *flags])[0], "cpu")


def test_the_originals_defaults():
    options, notes = parse_options(["--gpu", "0,1"])
    assert notes == []
    wanted = {
        "batch": 16, "gpu": "0,1", "resume": None, "lr": 2e-4, "momentum": 0.9, "weight_decay": 1e-4,
        "arch": "resnet18_base", "use_att": False, "no_pretrain": False, "evaluate": False, "epochs": 100,
        "adjust_freq": 40, "print_freq": 10, "workers": 4, "seed": 1234,
    }  # fmt: skip
    assert {key: getattr(options, key) for key in wanted} == wanted
    assert (str(options.root_dir), str(options.save_dir)) == ("data", "save")
    config = config_of()
    assert config.recipe == load_recipe("paper")
    assert (config.model, config.pretrained, config.seed) == (ModelConfig(arch="resnet18"), "imagenet", 1234)


def test_every_flag_arrives():
    config = config_of(
        "--b", "8", "--root_dir", "d/", "--lr", "0.1", "--momentum", "0.5", "--wd", "0.01", "--arch", "resnet152_base",
        "--epochs", "7", "--adjust-freq", "3", "-j", "2", "--seed", "5", "--no_pretrain",
    )  # fmt: skip
    recipe = config.recipe
    assert (recipe.batch_size, recipe.lr, recipe.momentum, recipe.weight_decay) == (8, 0.1, 0.5, 0.01)
    assert (recipe.epochs, recipe.step_epochs) == (7, 3)
    assert (config.data, config.model.arch, config.workers, config.seed) == ("d", "resnet152", 2, 5)
    same = parse_options(["--gpu=0", "--batch=8", "--weight-decay=.01", "-p3", "--workers=2", "--start-epoch=4"])[0]
    assert (same.batch, same.weight_decay, same.print_freq, same.workers, same.start_epoch) == (8, 0.01, 3, 2, 4)


@pytest.mark.parametrize(
    ("flags", "params"),
    [
        ([], 11_179_590),
        (["--att_mode", "se"], 11_179_590),
        (["--use_att"], 11_237_991),
        (["--use_att", "--att_mode", "ours"], 11_237_991),
        (["--use_att", "--att_mode", "se"], 11_268_670),  # published: 11.27 million
        (["--use_att", "--att_mode", "cbam"], 11_269_470),  # published: 11.27 million
    ],
)
def test_defect_1_att_mode_chooses_the_attention(flags, params):
    config = config_of(*flags).model
    with torch.device("meta"):
        model = create_classifier(config, 6)
    assert sum(parameter.numel() for parameter in model.parameters()) == params
    blocks = sum(name.endswith(".se") for name, _ in model.named_modules())
    assert blocks == (8 if config.attn in ("se", "cbam") else 0)
    assert any(name.startswith("attention.") for name in model.state_dict()) == (config.attn == "recyclenet")


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_defect_2_no_pretrain_means_from_scratch(depth):
    arch = ("--arch", f"resnet{depth}_base")
    assert config_of(*arch).pretrained == "imagenet"
    assert config_of(*arch, "--no_pretrain").pretrained == "none"
    assert config_of(*arch, "--pretrained", "weights.pth").pretrained == "weights.pth"


def test_the_readmes_resnet52_is_resnet50():
    options, notes = parse_options(["--gpu", "0", "--arch", "resnet52_base"])
    assert create_config(options, "cpu").model.arch == "resnet50"
    assert "no ResNet52" in notes[0]


def test_a_mode_without_attention_is_said():
    _, notes = parse_options(["--gpu", "0", "--att_mode", "cbam"])
    assert "without --use_att" in notes[0]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--gpu"),
        (["--gpu", "0", "--arch", "resnet18"], "must be one of resnet18_base, .*not resnet18"),
        (["--gpu", "0", "--use_att", "--att_mode", "eca"], "invalid choice"),
        (["--gpu", "0", "-e"], "--resume"),
        (["--gpu", "0", "--epochs", "many"], "invalid int"),
        (["--gpu", "0", "--frobnicate"], "unrecognized"),
        (["--gpu", "0", "-p", "0"], "--print-freq"),
        (["--gpu", "0", "--start-epoch", "-1"], "--start-epoch"),
        (["--gpu", "0", "--no_pretrain", "--pretrained", "w.pth"], "contradict"),
    ],
)
def test_mistakes_in_flags_are_one_line(flags, message):
    with pytest.raises(RecycleNetError, match=message) as raised:
        parse_options(flags)
    assert "\n" not in str(raised.value)


def test_flags_and_what_a_file_holds():
    options, _ = parse_options(["--gpu", "0", "--arch", "resnet34_base", "--use_att"])
    held = ModelConfig(arch="resnet34", attn="recyclenet")
    assert names_network(options, held)
    assert names_network(options, ModelConfig(arch="resnet34", attn="recyclenet", gates=("spatial",)))
    assert not names_network(options, ModelConfig(arch="resnet34"))
    assert not names_network(options, ModelConfig(arch="resnet18", attn="recyclenet"))
    assert flags_for(held) == "--arch resnet34_base --use_att --att_mode ours"
    assert flags_for(ModelConfig(arch="resnet18")) == "--arch resnet18_base without --use_att"


def test_without_a_gpu_it_says_so_and_goes_on(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("0,1") == "cpu"
    assert "no GPU" in capsys.readouterr().err
    assert choose_device("cpu") == "cpu"
    assert capsys.readouterr().err == ""


def test_gpus_by_number(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [choose_device(gpu) for gpu in ("0", "1", "0,1")] == ["cuda:0", "cuda:1", "cuda"]
    with pytest.raises(RecycleNetError, match="has 2 GPUs"):
        choose_device("2")
    with pytest.raises(RecycleNetError, match="not 'first'"):
        choose_device("first")
