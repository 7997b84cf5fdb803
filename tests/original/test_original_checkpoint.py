import os
import pickle

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

from recyclenet.checkpoint import load_classifier
from recyclenet.config import ModelConfig
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import load_model
from recyclenet.export import export
from recyclenet.labels import TRASHNET_CLASSES
from recyclenet.models.factory import create_classifier
from recyclenet.original.checkpoint import OriginalCheckpoint, read_original, write_original
from recyclenet.original.layout import check_holdable, from_original_name, infer_model, to_original_name
from recyclenet.predictor import Predictor
from recyclenet.preprocess import PreprocessSpec
from recyclenet.recipes import load_recipe
from tests.original.reference import forward, make_state, save_original

BOTH = ("channel", "spatial")
PAPER = load_recipe("paper")


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("gates", [(), BOTH, ("spatial",)])
def test_logits_are_those_of_the_original(tmp_path, depth, gates):
    state = make_state(depth, gates)
    path = save_original(tmp_path / "model_best.pth.tar", state, f"resnet{depth}_base")
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    wanted = forward(state, images)
    assert wanted.std() > 0.1, "the reference must say something"
    model, description = load_classifier(path)
    with torch.no_grad():
        torch.testing.assert_close(model(images), wanted, atol=1e-5, rtol=0)
    evaluated = load_model(path)
    np.testing.assert_allclose(evaluated.logits_of(images.numpy()), wanted, atol=1e-5)
    assert description.classes == ("glass", "paper", "cardboard", "plastic", "metal", "trash")
    assert description.preprocess == PreprocessSpec(img_size=224, resize=256)
    assert description.model.arch == f"resnet{depth}"
    assert description.metrics == {"best_acc1": 93.039}


@pytest.mark.parametrize(
    ("depth", "gates", "params"),
    [
        (18, (), 11_179_590),
        (18, BOTH, 11_237_991),
        (18, ("spatial",), 11_204_679),
        (34, (), 21_287_750),
        (34, BOTH, 21_346_151),
        (50, (), 23_520_326),
        (50, BOTH, 24_147_143),
        (101, (), 42_512_454),
        (152, (), 58_156_102),
        (152, BOTH, None),
    ],
)
def test_all_five_archs_by_their_names_alone(depth, gates, params):
    state = {from_original_name(name): tensor for name, tensor in make_state(depth, gates, device="meta").items()}
    config = infer_model(state)
    assert (config.arch, config.attn) == (f"resnet{depth}", "recyclenet" if gates else "none")
    with torch.device("meta"):
        model = create_classifier(config, 6)
    assert {k: v.shape for k, v in model.state_dict().items()} == {k: v.shape for k, v in state.items()}
    if params is not None:
        assert sum(parameter.numel() for parameter in model.parameters()) == params


def test_names_go_both_ways():
    for name in make_state(50, BOTH, device="meta"):
        assert to_original_name(from_original_name(name)) == name
        assert from_original_name(name.removeprefix("module.")) == from_original_name(name)


@pytest.fixture(scope="module")
def state():
    return make_state(18, BOTH)


@pytest.mark.parametrize(
    ("changes", "epoch", "best"),
    [
        ({}, 12, 93.039),
        ({"zipped": False}, 12, 93.039),
        ({"best_acc1": torch.tensor(91.25), "epoch": torch.tensor(3)}, 3, 91.25),
        ({"best_acc1": None, "epoch": None, "optimizer": None, "arch": None}, 0, None),
        ({"best_acc1": float("nan"), "epoch": "three"}, 0, None),
        ({"best_acc1": 10**400, "epoch": 10**400}, 0, None),
    ],
)
def test_entries_as_they_come(tmp_path, state, changes, epoch, best):
    found = read_original(save_original(tmp_path / "m.pth.tar", state, **changes))
    assert (found.epoch, found.best_acc1, found.notes, found.run) == (epoch, best, (), None)
    assert found.description.model == ModelConfig(arch="resnet18", attn="recyclenet")


@pytest.mark.parametrize("arch", ["resnet50_base", "inception"])
def test_the_weights_count_where_arch_lies(tmp_path, state, arch):
    found = read_original(save_original(tmp_path / "m.pth.tar", state, arch))
    assert found.description.model.arch == "resnet18"
    assert [arch in note for note in found.notes] == [True]


def test_a_bare_state_dict_from_before_batches_were_counted(tmp_path, state):
    old = {name.removeprefix("module."): tensor for name, tensor in state.items() if "num_batches" not in name}
    torch.save(old, tmp_path / "m.pth")
    images = torch.randn(1, 3, 64, 64)
    model, _ = load_classifier(tmp_path / "m.pth")
    with torch.no_grad():
        torch.testing.assert_close(model(images), forward(state, images), atol=1e-5, rtol=0)


def test_other_classes_are_numbered(tmp_path):
    found = read_original(save_original(tmp_path / "m.pth.tar", make_state(18, num_classes=3)))
    assert found.description.classes == ("class 1", "class 2", "class 3")
    assert "3 classes" in found.notes[0]


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle", "named as safetensors"])
def test_a_hostile_file_is_refused_and_does_nothing(tmp_path, kind):
    file = tmp_path / ("m.safetensors" if kind == "named as safetensors" else "m.pth.tar")
    table = {"state_dict": {}, "best_acc1": Hostile(tmp_path / "pwned")}
    if kind == "pickle":
        file.write_bytes(pickle.dumps(table))
    else:
        torch.save(table, file, _use_new_zipfile_serialization=kind != "legacy")
    with pytest.raises(RecycleNetError, match="refused: not made of tensors and plain values alone") as raised:
        load_model(file)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda path, state: path.write_bytes(save_original(path, state).read_bytes()[:-500]),
            "not a readable torch file",
        ),
        (lambda path, state: path.write_bytes(b""), "not a readable torch file"),
        (lambda path, state: path.write_bytes(b"no checkpoint"), "is refused"),
        (lambda path, state: None, "no checkpoint at"),
        (lambda path, state: torch.save([1, 2], path), "expected a table with 'state_dict'"),
        (lambda path, state: torch.save({"state_dict": {"a": 1}}, path), "expected a table with 'state_dict'"),
        (lambda path, state: torch.save({"a": torch.zeros(1)}, path), "final_fc"),
        (lambda path, state: torch.save({"final_fc.weight": torch.zeros(1)}, path), "final_fc"),
        (lambda path, state: torch.save({"final_fc.weight": torch.zeros(6, 512)}, path), "those of no ResNet"),
        (
            lambda path, state: save_original(path, {**state, "module.conv1.weight": torch.zeros(64, 3, 5, 5)}),
            r"do not fit.*conv1",
        ),
        (
            lambda path, state: save_original(path, {**state, "module.final_fc.bias": torch.zeros(6) + 1j}),
            "complex numbers for weights",
        ),
        (lambda path, state: save_original(path, {**state, "module.more": torch.zeros(1)}), r"do not fit.*more"),
        (lambda path, state: save_original(path, state, recyclenet="{"), "not what this project writes"),
        (lambda path, state: save_original(path, state, recyclenet=7), "not what this project writes"),
        (lambda path, state: save_original(path, state, recyclenet='{"description": {}}'), "missing"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, state, write, message):
    path = tmp_path / "m.pth.tar"
    write(path, state)
    with pytest.raises(RecycleNetError, match=message) as raised:
        load_classifier(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


class OriginalNet(nn.Module):
    """The original's module tree, in its order of registration: torchvision's ResNet, head, attention, DataParallel."""

    def __init__(self):
        super().__init__()
        net = torchvision.models.resnet18(num_classes=6)
        net.final_fc, net.fc = net.fc, nn.Identity()
        net.att = nn.Module()
        net.att.ChannelGate, net.att.SpatialGate = nn.Module(), nn.Module()
        net.att.ChannelGate.mlp = nn.Sequential(nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, 512))
        net.att.SpatialGate.spatial = nn.Sequential(nn.Conv2d(512, 1, 7, padding=3))
        self.module = net


def sgd(net, lr=2e-4):
    return torch.optim.SGD(net.parameters(), lr, momentum=0.9, weight_decay=1e-4)


def test_the_originals_system_loads_what_is_written_here(tmp_path):
    """Strictly, its optimizer included, and then it trains on."""
    torch.manual_seed(0)
    config = ModelConfig(arch="resnet18", attn="recyclenet")
    weights = create_classifier(config, 6).state_dict()
    momentum = {name: torch.randn_like(tensor) for name, tensor in weights.items() if tensor.is_floating_point()}
    momentum = {name: tensor for name, tensor in momentum.items() if "running" not in name}
    description = ModelDescription(config, TRASHNET_CLASSES, PreprocessSpec())
    checkpoint = OriginalCheckpoint(description, weights, epoch=41, best_acc1=88.5, momentum=momentum)
    write_original(tmp_path / "m.pth.tar", checkpoint, PAPER)
    table = torch.load(tmp_path / "m.pth.tar", weights_only=True)
    assert (table["epoch"], table["arch"], table["best_acc1"]) == (41, "resnet18_base", 88.5)
    net = OriginalNet()
    assert list(table["state_dict"]) == list(net.state_dict())
    net.load_state_dict(table["state_dict"])
    optimizer = sgd(net)
    optimizer.load_state_dict(table["optimizer"])
    for name, parameter in net.named_parameters():
        assert torch.equal(optimizer.state[parameter]["momentum_buffer"], momentum[from_original_name(name)]), name
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(2e-5), "after 40 of its epochs"

    back = read_original(tmp_path / "m.pth.tar")
    assert back.description == description
    assert back.momentum.keys() == momentum.keys()
    assert all(torch.equal(back.momentum[name], tensor) for name, tensor in momentum.items())
    assert all(torch.equal(back.weights[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize("addresses", [False, True])
def test_the_originals_momentum_is_read(tmp_path, addresses):
    torch.manual_seed(0)
    net = OriginalNet()
    optimizer = sgd(net)
    for parameter in net.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    wanted = {name: optimizer.state[parameter]["momentum_buffer"] for name, parameter in net.named_parameters()}
    saved = optimizer.state_dict()
    if addresses:  # torch before 1.5
        saved["state"] = {1000 + 16 * number: memory for number, memory in saved["state"].items()}
        saved["param_groups"][0]["params"] = [1000 + 16 * n for n in saved["param_groups"][0]["params"]]
    found = read_original(save_original(tmp_path / "m.pth.tar", net.state_dict(), optimizer=saved)).momentum
    assert found.keys() == {from_original_name(name) for name in wanted}
    assert all(torch.equal(found[from_original_name(name)], tensor) for name, tensor in wanted.items())


@pytest.mark.parametrize(
    "optimizer",
    [
        "nonsense",
        {"param_groups": []},
        torch.zeros(2),
        {"param_groups": [{"params": [0]}], "state": {}},
        {"param_groups": [{"params": list(range(1, 69))}], "state": [1]},
        {"param_groups": [{"params": list(range(68))}], "state": torch.zeros(2)},
        {
            "param_groups": [{"params": list(range(68))}],
            "state": {0: {"momentum_buffer": torch.zeros(64, 3, 7, 7) + 1j}},
        },
        {"param_groups": [{"params": list(range(68))}], "state": {0: {"momentum_buffer": torch.zeros(2)}}},
        {"param_groups": [{"params": list(range(68))}], "state": {0: {"momentum_buffer": None}}},
        {"param_groups": [{"params": list(range(68))}], "state": {0: {"exp_avg": torch.zeros(2)}}},
    ],
)
def test_momentum_that_does_not_fit_is_left_out(tmp_path, state, optimizer):
    assert read_original(save_original(tmp_path / "m.pth.tar", state, optimizer=optimizer)).momentum == {}


@pytest.mark.parametrize("attn", ["se", "cbam"])
def test_attention_in_blocks_comes_back(tmp_path, attn):
    config = ModelConfig(arch="resnet18", attn=attn, attn_at="blocks")
    torch.manual_seed(0)
    model = create_classifier(config, 6).eval()
    description = ModelDescription(config, TRASHNET_CLASSES, PreprocessSpec())
    write_original(tmp_path / "m.pth.tar", OriginalCheckpoint(description, model.state_dict()), PAPER)
    table = torch.load(tmp_path / "m.pth.tar", weights_only=True)
    assert "module.layer1.0.se." + ("fc1.weight" if attn == "se" else "channel.fc1.weight") in table["state_dict"]
    del table["recyclenet"]  # by the tensors' names alone
    torch.save(table, tmp_path / "m.pth.tar")
    loaded, found = load_classifier(tmp_path / "m.pth.tar")
    assert found.model == config
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded(images), model(images))


@pytest.mark.parametrize(
    ("model", "others", "message"),
    [
        ({"arch": "mobilenetv2_100"}, {}, "holds resnet18.*not mobilenetv2_100"),
        ({"attn": "recyclenet", "combine": "mul"}, {}, "model.combine: sum → mul"),
        ({"attn": "recyclenet", "attn_at": "blocks"}, {}, "model.attn_at"),
        ({"attn": "se"}, {}, "model.attn_at: blocks → final"),
        ({"attn": "recyclenet", "gates": ("channel",)}, {}, "model.gates"),
        ({"arch_args": {"stem_type": "deep"}}, {}, "stem_type"),
        ({}, {"classes": ("paper", "metal")}, "classes"),
        ({}, {"classes": TRASHNET_CLASSES[::-1]}, "classes"),
        ({}, {"preprocess": PreprocessSpec(img_size=128)}, "preprocess.img_size: 224 → 128"),
    ],
)
def test_what_the_original_could_not_hold_is_refused(model, others, message):
    words = {"classes": TRASHNET_CLASSES, "preprocess": PreprocessSpec()} | others
    with pytest.raises(RecycleNetError, match=message):
        check_holdable(ModelDescription(ModelConfig(**model), **words))


def test_an_export_of_it_answers_without_torch(tmp_path, state):
    path = save_original(tmp_path / "model_best.pth.tar", state)
    with pytest.raises(RecycleNetError, match="recyclenet export"):
        Predictor(path)
    rng = np.random.default_rng(1)
    photos = [Image.fromarray(rng.integers(0, 256, (256, 256, 3), dtype=np.uint8))]
    export(path, tmp_path / "m.onnx", photos)  # which compares the two
    predictor = Predictor(tmp_path / "m.onnx")
    images = predictor.preprocess(photos[0])[None]
    np.testing.assert_allclose(predictor.run(images)[0], forward(state, torch.from_numpy(images)), atol=1e-4)
