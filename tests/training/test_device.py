import pytest
import torch
from torch import nn

from recyclenet.errors import RecycleNetError
from recyclenet.training import device
from recyclenet.training.device import Compute, choose_compute


@pytest.fixture
def gpus(monkeypatch):
    """A machine that has GPUs 0 and 1, as far as a machine without any can be one: tensors stay where they are."""
    zeros = torch.zeros

    def zeros_there(*size, device=None):
        if device is not None and device.type == "cuda" and device.index > 1:
            raise RuntimeError("CUDA error: invalid device ordinal")
        return zeros(*size)

    monkeypatch.setattr(device.torch, "zeros", zeros_there)


def test_several_gpus_by_their_numbers(gpus):
    compute = choose_compute("cuda:1,0")
    assert (compute.device, compute.gpus) == (torch.device("cuda:1"), (1, 0))
    assert str(compute).startswith("cuda:1,0, fp32")
    assert choose_compute("cuda:1").gpus == ()
    assert choose_compute("cpu").gpus == ()


@pytest.mark.parametrize("name", ["cuda:0,0", "cuda:0,", "cuda:a,b", "cpu:0,1", "cuda:0,2", "cuda:0,-1"])
def test_gpus_that_are_not_there_are_refused(gpus, name):
    with pytest.raises(RecycleNetError, match=r"cuda:0,1|cannot be used"):
        choose_compute(name)


def test_one_device_computes_the_whole_batch():
    model, images = nn.Conv2d(3, 2, 1), torch.randn(4, 3, 2, 2)
    assert torch.equal(Compute(torch.device("cpu"), False, False).forward(model, images), model(images))


def test_each_of_several_gpus_computes_a_part(monkeypatch):
    """The replicas themselves need GPUs; here each part goes through the one module in turn."""

    def in_parts(module, inputs, device_ids):
        assert device_ids == (0, 1)
        return torch.cat([module(part) for part in inputs.chunk(len(device_ids))])

    monkeypatch.setattr(nn.parallel, "data_parallel", in_parts)
    norm, images = nn.BatchNorm2d(3), torch.randn(4, 3, 2, 2)
    outputs = Compute(torch.device("cpu"), False, False, gpus=(0, 1)).forward(norm, images)
    for part in (slice(0, 2), slice(2, 4)):
        mean, var = images[part].mean((0, 2, 3), keepdim=True), images[part].var((0, 2, 3), correction=0, keepdim=True)
        torch.testing.assert_close(outputs[part], (images[part] - mean) / (var + norm.eps).sqrt())
