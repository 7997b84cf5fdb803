"""Gradients of depthwise convolutions that bfloat16 has no fast kernels for."""

import contextlib

import pytest
import timm
import torch
from torch import nn

from recyclenet.training import depthwise
from recyclenet.training.depthwise import fast_depthwise
from recyclenet.training.device import choose_compute
from recyclenet.training.heap import keep_heap

BF16, FP32 = (choose_compute("cpu", precision) for precision in ("bf16", "fp32"))


def gradients(network, images, wanted, compute, fast=True):
    """Outputs, and gradients of images and parameters, for a loss that weighs each output by `wanted`."""
    images = images.clone().requires_grad_()
    network.zero_grad()
    with compute.autocast(), fast_depthwise(compute) if fast else contextlib.nullcontext():
        outputs = network(images)
    (outputs.float() * wanted).sum().backward()
    return outputs.detach(), [images.grad, *(parameter.grad.clone() for parameter in network.parameters())]


@pytest.fixture
def aside(monkeypatch):
    """Convolutions that were taken aside, as they happen."""
    called, apply = [], depthwise._Depthwise.apply
    monkeypatch.setattr(depthwise._Depthwise, "apply", lambda *args: called.append(args[2:]) or apply(*args))
    return called


@pytest.mark.parametrize(
    ("side", "options"),
    [
        (16, {"stride": 2, "padding": 1}),
        (17, {"stride": 2}),
        (15, {"stride": (2, 1), "padding": (1, 0), "kernel_size": (3, 2)}),
        (16, {"stride": 3, "padding": 2, "kernel_size": 5}),
        (16, {"padding": 3, "kernel_size": 7}),
        (20, {"stride": 2, "padding": 2, "dilation": 2}),
    ],
)
def test_what_is_taken_aside_answers_alike_and_has_the_gradients_of_full_precision(side, options, aside):
    torch.manual_seed(1)
    conv = nn.Conv2d(8, 8, **{"kernel_size": 3, "groups": 8, "bias": False, **options})
    # Numbers that bfloat16 holds: nothing differs but the arithmetic.
    conv.weight.data = conv.weight.data.bfloat16().float()
    images = torch.randn(4, 8, side, side).bfloat16().float()
    wanted = torch.randn_like(conv(images)).bfloat16().float()
    outputs, found = gradients(conv, images, wanted, BF16)
    assert len(aside) == 1
    plain, _ = gradients(conv, images, wanted, BF16, fast=False)
    assert torch.equal(outputs, plain)
    _, exact = gradients(conv, images, wanted, FP32)
    for one, other in zip(found, exact, strict=True):
        assert float((one - other).norm() / other.norm()) < 4e-3, "one rounding to bfloat16, 2⁻⁹ at most for a number"


@pytest.mark.parametrize(
    "options",
    [
        {"groups": 8, "padding": 1},
        {"stride": 2, "padding": 1},
        {"groups": 4, "stride": 2},
        {"groups": 8, "stride": 2, "bias": True},
        {"groups": 8, "kernel_size": 5, "padding": "same"},
    ],
    ids=["fast already", "dense", "grouped", "with a bias", "padded by name"],
)
def test_all_others_are_torchs_own(options, aside):
    torch.manual_seed(1)
    conv = nn.Conv2d(8, 8, **{"kernel_size": 3, "bias": False, **options})
    images = torch.randn(4, 8, 12, 12)
    outputs, found = gradients(conv, images, 1.0, BF16)
    plain, theirs = gradients(conv, images, 1.0, BF16, fast=False)
    assert not aside
    assert torch.equal(outputs, plain)
    assert all(torch.equal(one, other) for one, other in zip(found, theirs, strict=True))


def test_a_network_of_them_with_its_own_padding(aside):
    torch.manual_seed(1)
    network = timm.create_model("test_efficientnet", num_classes=3, pad_type="same").eval()
    images, wanted = torch.randn(4, 3, 48, 48), torch.randn(4, 3)
    outputs, found = gradients(network, images, wanted, BF16)
    strided = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.groups > 1 and max(m.stride) > 1]
    assert len(aside) == len(strided) > 0
    plain, theirs = gradients(network, images, wanted, BF16, fast=False)
    _, exact = gradients(network, images, wanted, FP32)
    assert torch.equal(outputs, plain)
    ours, without = (
        [float((one - other).norm() / other.norm()) for one, other in zip(some, exact, strict=True)]
        for some in (found, theirs)
    )
    assert sum(ours) <= 1.05 * sum(without), "not further from full precision than torch's own"


def test_nothing_is_done_where_it_is_not_needed(aside):
    conv = nn.Conv2d(8, 8, 3, stride=2, groups=8, bias=False)
    with FP32.autocast(), fast_depthwise(FP32):
        conv(torch.randn(1, 8, 9, 9))
    with torch.no_grad(), BF16.autocast(), fast_depthwise(BF16):
        conv(torch.randn(1, 8, 9, 9))
    assert not aside


def test_the_heap_is_kept_where_malloc_is_glibcs(monkeypatch):
    import platform

    assert keep_heap() is (platform.libc_ver()[0] == "glibc")
    monkeypatch.setattr("sys.platform", "win32")
    assert keep_heap() is False
