import pickle

import pytest
import timm
import torch
from safetensors.torch import save_file

from recyclenet.config import ModelConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.factory import create_classifier
from recyclenet.models.pretrained import load_pretrained

ARCH = "resnet18"
PLAIN = ModelConfig(arch=ARCH)


@pytest.fixture(scope="module")
def imagenet_like():
    """A whole timm network with its 1000-class head, as published weights are."""
    torch.manual_seed(3)
    return timm.create_model(ARCH, num_classes=1000).state_dict()


def backbone(**config):
    return create_classifier(ModelConfig(arch=ARCH, **config), 6).backbone


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_file_of_weights(tmp_path, imagenet_like, suffix, dtype):
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in imagenet_like.items()}
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    net = backbone()
    report = load_pretrained(net, PLAIN, str(path))
    assert set(report.left_out) == {"fc.weight", "fc.bias"}
    assert report.loaded == len(imagenet_like) - 2
    assert "fc.weight" in str(report)
    loaded = net.state_dict()
    assert all(torch.equal(loaded[k], state[k].to(loaded[k].dtype)) for k in loaded)


def test_attention_in_blocks_is_named_as_fresh(tmp_path, imagenet_like):
    save_file(imagenet_like, tmp_path / "w.safetensors")
    report = load_pretrained(
        backbone(attn="se", attn_at="blocks"), ModelConfig(attn="se", attn_at="blocks"), str(tmp_path / "w.safetensors")
    )
    assert len(report.fresh) == 8 * 4
    assert all(".se." in name for name in report.fresh)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s.pop("layer1.0.conv1.weight"), r"missing: layer1\.0\.conv1\.weight"),
        (lambda s: s.update({"layer9.weight": torch.zeros(1)}), r"not of this network: layer9\.weight"),
        (
            lambda s: s.update({"conv1.weight": torch.zeros(64, 1, 7, 7)}),
            r"wrong shape: conv1\.weight is \(64, 1, 7, 7\)",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(tmp_path, imagenet_like, damage, message):
    state = dict(imagenet_like)
    damage(state)
    save_file(state, tmp_path / "w.safetensors")
    net = backbone()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(RecycleNetError, match=message):
        load_pretrained(net, PLAIN, str(tmp_path / "w.safetensors"))
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in before.items())


class Evil:
    def __reduce__(self):
        return (open, ("pwned.txt", "w"))


def test_a_pickle_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(RecycleNetError, match="not made of tensors and plain values alone"):
        load_pretrained(backbone(), PLAIN, "evil.pth")
    assert not (tmp_path / "pwned.txt").exists()


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(RecycleNetError, match="no file of weights"):
        load_pretrained(backbone(), PLAIN, str(tmp_path / "none.safetensors"))
    (tmp_path / "torn.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(RecycleNetError, match="not a readable file"):
        load_pretrained(backbone(), PLAIN, str(tmp_path / "torn.safetensors"))


def test_offline_says_how_to_pass_a_file():
    with pytest.raises(RecycleNetError, match=r"resnet18\.tv_in1k cannot be had.*--pretrained FILE"):
        load_pretrained(backbone(), PLAIN, "imagenet")


def test_a_family_with_se_of_its_own_needs_its_weights(tmp_path):
    """timm's own squeeze-and-excitation has pretrained values; only attention put in by us may start fresh."""
    config = ModelConfig(arch="efficientnet_b0")
    net = create_classifier(config, 6).backbone
    state = {name: value for name, value in net.state_dict().items() if ".se." not in name}
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(RecycleNetError, match=r"missing: blocks\.0\.0\.se\."):
        load_pretrained(net, config, str(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("arch", ["efficientvit_b0", "inception_next_atto", "mobilenetv3_small_050"])
def test_published_weights_of_other_families(tmp_path, arch):
    whole = timm.create_model(arch).state_dict()
    save_file(whole, tmp_path / "w.safetensors")
    config = ModelConfig(arch=arch)
    net = create_classifier(config, 6).backbone
    report = load_pretrained(net, config, str(tmp_path / "w.safetensors"))
    assert report.loaded + len(report.left_out) == len(whole)
    assert all(name.startswith(("head.", "classifier.")) for name in report.left_out)
    assert all(torch.equal(value, whole[name]) for name, value in net.state_dict().items())
