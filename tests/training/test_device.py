import pytest
import torch

from recyclenet.errors import RecycleNetError
from recyclenet.training.device import choose_compute


def test_one_device_by_its_name():
    assert choose_compute("cpu").device == torch.device("cpu")
    assert str(choose_compute("cpu", "bf16")) == "cpu, bf16, channels_last"


def test_several_are_for_several_processes():
    with pytest.raises(RecycleNetError, match=r"'cuda:0,1' is more than one device: .*--gpus 0,1"):
        choose_compute("cuda:0,1")


@pytest.mark.parametrize("name", ["cuda:99", "cuda:", "gpu", "cpu:x"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(RecycleNetError, match="cannot be used"):
        choose_compute(name)
