from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

import recyclenet
from recyclenet.calibration import Calibration
from recyclenet.checkpoint import TrainState, load_classifier, read_checkpoint, save_checkpoint
from recyclenet.config import ModelConfig
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.models.factory import create_classifier
from recyclenet.preprocess import PreprocessSpec
from recyclenet.soup import mix

CLASSES = ("glass", "metal", "paper")
DESCRIPTION = ModelDescription(
    model=ModelConfig(arch="test_efficientnet", attn="recyclenet"),
    classes=CLASSES,
    preprocess=PreprocessSpec(img_size=32, resize=36),
    metrics={"val_accuracy": 0.9, "val_correct": 9, "val_total": 10},
    data={"name": "photos", "fingerprint": "f" * 64},
    training={"recipe": "best", "seed": 1, "epoch": 7, "epochs": 24, "pretrained": "imagenet"},
    version="0.0.1",
    calibration=Calibration(1.5, 0.9, "lac", 0.5, 100, "f" * 64),
)


def saved(path, seed, **changes):
    """A checkpoint with weights, statistics and batch counts of its own."""
    torch.manual_seed(seed)
    weights = create_classifier(DESCRIPTION.model, len(CLASSES)).state_dict()
    for tensor in weights.values():
        if tensor.is_floating_point():
            tensor.add_(0.1 * torch.rand_like(tensor))
        else:
            tensor.fill_(100 * seed)
    training = {**DESCRIPTION.training, "seed": seed}
    save_checkpoint(path, weights, replace(DESCRIPTION, **{"training": training, **changes}))
    return path


@pytest.fixture
def two(tmp_path):
    return saved(tmp_path / "a.safetensors", 1), saved(tmp_path / "b.safetensors", 2)


def weights(path):
    return read_checkpoint(path).weights


@pytest.mark.parametrize(("shares", "first"), [((1, 1), 0.5), ((3, 1), 0.75), ((0.2, 0.6), 0.25), ((0, 5), 0)])
def test_the_mean_is_what_is_computed_by_hand(tmp_path, two, shares, first):
    description = mix(list(zip(two, shares, strict=True)), tmp_path / "soup.safetensors")
    a, b, mixed = (weights(path) for path in (*two, tmp_path / "soup.safetensors"))
    assert mixed.keys() == a.keys()
    kinds = set()
    for name, tensor in mixed.items():
        kinds.add(tensor.dtype)
        assert tensor.dtype == a[name].dtype
        if tensor.is_floating_point():
            wanted = first * a[name].double() + (1 - first) * b[name].double()
            torch.testing.assert_close(tensor.double(), wanted, rtol=1e-6, atol=1e-7)
        else:
            assert torch.equal(tensor, a[name]), "whole numbers are the first one's"
    assert kinds == {torch.float32, torch.int64}
    model, read = load_classifier(tmp_path / "soup.safetensors")
    assert read == description
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


def test_three_with_itself_is_itself(tmp_path, two):
    mix([(two[0], 1), (two[0], 2), (two[0], 0.3)], tmp_path / "soup.safetensors")
    for name, tensor in weights(two[0]).items():
        torch.testing.assert_close(weights(tmp_path / "soup.safetensors")[name], tensor, rtol=1e-6, atol=0)


def test_the_description_says_what_was_mixed_and_claims_nothing(tmp_path, two):
    description = mix([(two[0], 3), (two[1], 1)], tmp_path / "soup.safetensors")
    assert description.metrics == {}
    assert description.calibration is None
    assert description.version == recyclenet.__version__
    assert description.data == DESCRIPTION.data
    assert description.training == {
        "recipe": "best",
        "epoch": 7,
        "epochs": 24,
        "pretrained": "imagenet",
        "mixed": "0.75 × best (seed 1, epoch 7) + 0.25 × best (seed 2, epoch 7)",
    }
    assert (description.model, description.classes) == (DESCRIPTION.model, CLASSES)
    assert description.preprocess == DESCRIPTION.preprocess


def test_runs_on_different_photos_claim_neither(tmp_path, two):
    other = saved(tmp_path / "c.safetensors", 3, data={"name": "photos", "fingerprint": "0" * 64}, training={})
    description = mix([(two[0], 1), (other, 1)], tmp_path / "soup.safetensors")
    assert description.data == {"name": "photos"}
    assert description.training == {"mixed": "0.5 × best (seed 1, epoch 7) + 0.5 × c.safetensors (seed ?, epoch ?)"}


def test_a_mix_has_had_the_teachers_of_all_its_parts(tmp_path, two):
    taught = [
        saved(tmp_path / f"{number}.safetensors", number, training={**DESCRIPTION.training, "teachers": teachers})
        for number, teachers in enumerate(("t1/best.onnx, t2/best.onnx", "t2/best.onnx, t0/best.onnx"))
    ]
    description = mix([(path, 1) for path in (two[0], *taught)], tmp_path / "soup.safetensors")
    assert description.training["teachers"] == "t1/best.onnx, t2/best.onnx, t0/best.onnx"
    assert "teachers" not in mix([(path, 1) for path in two], tmp_path / "soup.safetensors").training


def test_a_part_that_is_a_mix_is_called_by_its_seeds(tmp_path, two):
    """Also where that mix has a mix in it; where a seed is not known, it is just a mix."""
    inner, middle, outer = (tmp_path / f"{name}.safetensors" for name in ("inner", "middle", "outer"))
    mix([(path, 1) for path in two], inner)
    later = saved(tmp_path / "c.safetensors", 3, training={**DESCRIPTION.training, "seed": 13, "epoch": 9})
    made = mix([(inner, 1), (two[1], 2), (later, 1)], middle).training["mixed"]
    assert made == "0.25 × best (seeds 1, 2; epoch 7) + 0.5 × best (seed 2, epoch 7) + 0.25 × best (seed 13, epoch 9)"
    made = mix([(middle, 1), (two[0], 1)], outer).training["mixed"]
    assert made == "0.5 × best (seeds 1, 2, 13) + 0.5 × best (seed 1, epoch 7)"
    mix([(two[0], 1), (saved(tmp_path / "d.safetensors", 4, training={"recipe": "best"}), 1)], inner)
    made = mix([(inner, 1), (two[0], 1)], middle).training["mixed"]
    assert made == "0.5 × best (a mix) + 0.5 × best (seed 1, epoch 7)"
    made = mix([(middle, 1), (two[0], 1)], outer).training["mixed"]
    assert made == "0.5 × best (a mix) + 0.5 × best (seed 1, epoch 7)"
    mix([(two[0], 1), (two[0], 3)], inner)
    made = mix([(inner, 1), (two[1], 1)], outer).training["mixed"]
    assert made == "0.5 × best (seed 1, epoch 7) + 0.5 × best (seed 2, epoch 7)"


def test_runs_at_different_sizes_take_the_view_of_the_first(tmp_path, two):
    larger = saved(tmp_path / "c.safetensors", 3, preprocess=PreprocessSpec(img_size=64, resize=64))
    for parts, view in (((two[0], larger), DESCRIPTION.preprocess), ((larger, two[0]), PreprocessSpec(64, 64))):
        assert mix([(part, 1) for part in parts], tmp_path / "soup.safetensors").preprocess == view


def test_what_a_run_needs_to_go_on_is_left_behind(tmp_path, two):
    first = read_checkpoint(two[0])
    state = TrainState({"optimizer.0.step": torch.ones(1)}, {"epoch": 3})
    save_checkpoint(two[0], first.weights, first.description, state)
    mix([(two[0], 1), (two[1], 1)], tmp_path / "soup.safetensors")
    assert read_checkpoint(tmp_path / "soup.safetensors").train_state is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"classes": ("glass", "paper", "metal")}, "classes"),
        ({"preprocess": PreprocessSpec(img_size=32, resize=36, mean=(0.4,) * 3)}, "mean"),
        ({"preprocess": PreprocessSpec(img_size=32, resize=36, std=(0.4,) * 3)}, "std"),
        ({"model": replace(DESCRIPTION.model, attn="se")}, "model"),
        ({"model": replace(DESCRIPTION.model, drop_rate=0.1), "classes": ("a", "b", "c")}, "model, classes"),
    ],
)
def test_networks_that_differ_are_refused(tmp_path, two, changes, named):
    other = saved(tmp_path / "c.safetensors", 3, **changes)
    with pytest.raises(RecycleNetError, match=rf"a\.safetensors and .*c\.safetensors cannot be mixed: .* in {named};"):
        mix([(two[0], 1), (two[1], 1), (other, 1)], tmp_path / "soup.safetensors")
    assert not (tmp_path / "soup.safetensors").exists()


@pytest.mark.parametrize("damage", ["missing", "more", "shape"])
def test_tensors_that_do_not_pair_up_are_refused(tmp_path, two, damage):
    """A file can say more of itself than is true; a bias of one number would be spread over all without a word."""
    checkpoint = read_checkpoint(two[1])
    tensors = dict(checkpoint.weights)
    if damage == "missing":
        del tensors["head.bias"]
    else:
        tensors["head.bias" if damage == "shape" else "head.more"] = torch.zeros(1)
    save_checkpoint(two[1], tensors, checkpoint.description)
    with pytest.raises(RecycleNetError, match="differ in tensors"):
        mix([(two[0], 1), (two[1], 1)], tmp_path / "soup.safetensors")


@pytest.mark.parametrize(
    "shares", [(-1, 2), (float("nan"), 1), (float("inf"), 1), (0, 0), (1e308, 1e308)], ids=lambda s: "{}+{}".format(*s)
)
def test_shares_that_make_no_mean_are_refused(tmp_path, two, shares):
    with pytest.raises(RecycleNetError, match="shares must be numbers from 0 up, not all 0; got "):
        mix(list(zip(two, shares, strict=True)), tmp_path / "soup.safetensors")
    assert not (tmp_path / "soup.safetensors").exists()


def test_one_file_and_files_that_are_no_checkpoints_are_refused(tmp_path, two):
    with pytest.raises(RecycleNetError, match="two checkpoints or more, not 1"):
        mix([(two[0], 1)], tmp_path / "soup.safetensors")
    (tmp_path / "text.safetensors").write_text("no checkpoint")
    save_file({"weight": torch.zeros(1)}, tmp_path / "bare.safetensors")
    for name, message in (("text", "not a readable"), ("bare", "no recyclenet description"), ("none", "no checkpoint")):
        with pytest.raises(RecycleNetError, match=message):
            mix([(two[0], 1), (tmp_path / f"{name}.safetensors", 1)], tmp_path / "soup.safetensors")


def test_half_keeps_kernels_in_16_bits_and_all_else_as_it_is(tmp_path, two):
    parts = [(path, 1.0) for path in two]
    mix(parts, tmp_path / "whole.safetensors")
    mix(parts, tmp_path / "half.safetensors", half=True)
    whole, half = (weights(tmp_path / f"{name}.safetensors") for name in ("whole", "half"))
    for name, tensor in whole.items():
        assert torch.equal(half[name], tensor.half() if tensor.dim() > 1 else tensor), name
    size = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half")]
    assert size[1] < 0.6 * size[0]
    network, _ = load_classifier(tmp_path / "half.safetensors")
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())


def test_half_refuses_weights_that_16_bits_do_not_hold(tmp_path, two):
    checkpoint = read_checkpoint(two[0])
    checkpoint.weights["head.weight"][0, 0] = 1e6
    save_checkpoint(two[0], checkpoint.weights, checkpoint.description)
    with pytest.raises(RecycleNetError, match=r"head\.weight has weights that are too large for float16"):
        mix([(path, 1.0) for path in two], tmp_path / "half.safetensors", half=True)
    assert not (tmp_path / "half.safetensors").exists()


def test_the_mix_may_see_photos_at_another_size(run, tmp_path, two):
    out = tmp_path / "soup.safetensors"
    code, _, err = run("soup", *two, "--out", out, "--img-size", 48, "--resize", 48)
    assert code == 0, err
    spec = read_checkpoint(out).description.preprocess
    assert spec == replace(DESCRIPTION.preprocess, img_size=48, resize=48)
    code, _, err = run("soup", *two, "--out", out, "--resize", 48)
    assert (code, "--resize goes with --img-size" in err) == (2, True)


def test_weights_of_16_bits_are_averaged_into_32(tmp_path, two):
    halves = []
    for place, path in enumerate(two):
        known = read_checkpoint(path)
        halves.append(tmp_path / f"half{place}.safetensors")
        halved = {name: value.half() if value.is_floating_point() else value for name, value in known.weights.items()}
        save_checkpoint(halves[-1], halved, known.description)
    mix([(path, 1) for path in halves], tmp_path / "soup.safetensors")
    a, b, mixed = (weights(path) for path in (*halves, tmp_path / "soup.safetensors"))
    for name, tensor in mixed.items():
        if tensor.is_floating_point():
            assert tensor.dtype == torch.float32
            assert torch.equal(tensor, ((a[name].double() + b[name].double()) / 2).float())
