"""The original's network from its checkpoint alone, in plain functional calls: the oracle of the tests here."""

import torch
from torch.nn import functional

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def make_state(depth, gates=(), num_classes=6, device="cpu", seed=0):
    """A state dict in the original's layout and order, with random weights and random batch-norm statistics."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape, scale):
        if device == "meta":
            return torch.empty(shape, device="meta")
        return scale * torch.randn(shape, generator=generator)

    state = {}

    def conv(name, out, channels, size):
        state[f"{name}.weight"] = normal(out, channels, size, size, scale=(2 / (channels * size * size)) ** 0.5)

    def norm(name, channels):
        state[f"{name}.weight"] = 0.6 + normal(channels, scale=0.1)
        state[f"{name}.bias"] = normal(channels, scale=0.1)
        state[f"{name}.running_mean"] = normal(channels, scale=0.1)
        state[f"{name}.running_var"] = 1 + normal(channels, scale=0.1).abs()
        state[f"{name}.num_batches_tracked"] = torch.tensor(7, device=device)

    conv("module.conv1", 64, 3, 7)
    norm("module.bn1", 64)
    channels, expansion = 64, 1 if depth < 50 else 4
    for stage, blocks in enumerate(BLOCKS[depth]):
        width = 64 << stage
        for block in range(blocks):
            name = f"module.layer{stage + 1}.{block}"
            out = width * expansion
            for number, kernel in enumerate(_kernels(depth, channels, width), 1):
                conv(f"{name}.conv{number}", *kernel)
                norm(f"{name}.bn{number}", kernel[0])
            if block == 0 and (stage > 0 or out != channels):
                conv(f"{name}.downsample.0", out, channels, 1)
                norm(f"{name}.downsample.1", out)
            channels = out
    state["module.final_fc.weight"] = normal(num_classes, channels, scale=channels**-0.5)
    state["module.final_fc.bias"] = normal(num_classes, scale=0.1)
    if "channel" in gates:
        hidden = channels // 16
        for index, shape in ((0, (hidden, channels)), (2, (channels, hidden))):
            state[f"module.att.ChannelGate.mlp.{index}.weight"] = normal(*shape, scale=shape[1] ** -0.5)
            state[f"module.att.ChannelGate.mlp.{index}.bias"] = normal(shape[0], scale=0.1)
    if "spatial" in gates:
        state["module.att.SpatialGate.spatial.0.weight"] = normal(1, channels, 7, 7, scale=(49 * channels) ** -0.5)
        state["module.att.SpatialGate.spatial.0.bias"] = normal(1, scale=0.1)
    return state


def _kernels(depth, channels, width):
    """(out, in, side) of a block's convolutions."""
    if depth < 50:
        return (width, channels, 3), (width, width, 3)
    return (width, channels, 1), (width, width, 3), (4 * width, width, 1)


def forward(state, images):
    """Logits (N, K) in eval mode, for a module that adds its gates."""
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}

    def conv(x, name, stride=1):
        weight = state[f"{name}.weight"]
        return functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def norm(x, name):
        part = {key: state[f"{name}.{key}"][:, None, None] for key in ("weight", "bias", "running_mean", "running_var")}
        return (x - part["running_mean"]) / (part["running_var"] + 1e-5).sqrt() * part["weight"] + part["bias"]

    x = functional.relu(norm(conv(images, "conv1", 2), "bn1"))
    x = functional.max_pool2d(x, 3, 2, 1)
    for stage in range(1, 5):
        block = 0
        while f"layer{stage}.{block}.conv1.weight" in state:
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            bottleneck = f"{name}.conv3.weight" in state
            # torchvision's bottleneck, and the original's: the stride is that of the 3×3 convolution
            out = functional.relu(norm(conv(x, f"{name}.conv1", 1 if bottleneck else stride), f"{name}.bn1"))
            out = norm(conv(out, f"{name}.conv2", stride if bottleneck else 1), f"{name}.bn2")
            if bottleneck:
                out = norm(conv(functional.relu(out), f"{name}.conv3"), f"{name}.bn3")
            if f"{name}.downsample.0.weight" in state:
                x = norm(conv(x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
            x = functional.relu(out + x)
            block += 1
    gated = []
    if "att.ChannelGate.mlp.0.weight" in state:
        hidden, back = (
            (state[f"att.ChannelGate.mlp.{i}.weight"], state[f"att.ChannelGate.mlp.{i}.bias"]) for i in (0, 2)
        )
        pooled = x.mean(dim=(2, 3)) @ hidden[0].T + hidden[1]
        gated.append(x * torch.sigmoid(functional.relu(pooled) @ back[0].T + back[1])[:, :, None, None])
    if "att.SpatialGate.spatial.0.weight" in state:
        kernel = (state["att.SpatialGate.spatial.0.weight"], state["att.SpatialGate.spatial.0.bias"])
        gated.append(x * torch.sigmoid(functional.conv2d(x, *kernel, padding=3)))
    x = sum(gated) if gated else x
    return x.mean(dim=(2, 3)) @ state["final_fc.weight"].T + state["final_fc.bias"]


def save_original(path, state, arch="resnet18_base", *, zipped=True, **changes):
    """A file as the original writes it; `changes` replace or, with None, remove its entries."""
    table = {"epoch": 12, "arch": arch, "state_dict": state, "best_acc1": 93.039, "optimizer": {}} | changes
    table = {key: value for key, value in table.items() if value is not None}
    torch.save(table, path, _use_new_zipfile_serialization=zipped)
    return path
