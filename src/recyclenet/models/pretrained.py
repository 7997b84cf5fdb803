"""ImageNet weights into a backbone: from the hub or a file, every key accounted for."""

from dataclasses import dataclass, field
from pathlib import Path

import timm
from torch import Tensor, nn

from recyclenet.config import ModelConfig
from recyclenet.errors import RecycleNetError, first_line
from recyclenet.models.factory import IN_BLOCK, pretrained_tag
from recyclenet.tensor_file import read_tensors
from recyclenet.torch_file import load_torch_file


@dataclass(frozen=True)
class LoadReport:
    """What a file of weights did: tensors loaded, file keys left out (the old head), module keys left fresh.

    `head` holds the tensors that were left out, float32.
    """

    source: str
    loaded: int
    left_out: tuple[str, ...]
    fresh: tuple[str, ...]
    head: dict[str, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        parts = [f"{self.loaded} tensors from {self.source}"]
        if self.left_out:
            parts.append(f"not used (the old head): {', '.join(self.left_out)}")
        if self.fresh:
            parts.append(f"left fresh (attention): {_some(self.fresh)}")
        return "; ".join(parts)


def load_pretrained(backbone: nn.Module, config: ModelConfig, source: str) -> LoadReport:
    """Fills a backbone with pretrained weights, in place.

    Args:
        backbone: as `create_classifier(...).backbone`.
        config: what it was built from, for the hub's name, the old head's key and attention in the blocks.
        source: "imagenet" (timm's weights from the hub; torchvision's for ResNets) or a file:
            .safetensors, or a torch file that holds nothing but tensors.

    Raises:
        RecycleNetError: hub out of reach, unreadable file, or a key or shape that does not fit; each is named.
    """
    arch = config.arch
    state = _from_hub(arch) if source == "imagenet" else read_state_dict(source)
    head = _head_keys(backbone, arch, state)
    state = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    left_out = {key: state.pop(key) for key in tuple(state) if key in head}
    wanted = backbone.state_dict()
    # Attention inside the blocks has no ImageNet weights; anything else that is missing is a mismatch.
    fresh = tuple(key for key in wanted if key not in state and config.attn_in_blocks and IN_BLOCK in key)
    missing = [key for key in wanted if key not in state and key not in fresh]
    unexpected = [key for key in state if key not in wanted]
    misshapen = [
        f"{key} is {tuple(state[key].shape)}, needs {tuple(wanted[key].shape)}"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    problems = [
        f"{word}: {_some(keys)}"
        for word, keys in (("missing", missing), ("not of this network", unexpected), ("wrong shape", misshapen))
        if keys
    ]
    if problems:
        raise RecycleNetError(f"the weights in {source} do not fit {arch}: {'; '.join(problems)}")
    backbone.load_state_dict({**{key: wanted[key] for key in fresh}, **state})
    return LoadReport(source, len(state), tuple(left_out), fresh, left_out)


def linear_head(report: LoadReport, num_features: int) -> tuple[Tensor, Tensor]:
    """The old head: weight (K, C) and bias (K,); some families write the linear layer as a 1×1 convolution.

    Raises:
        RecycleNetError: the weights came without a linear head on `num_features` pooled features.
    """
    weights = [tensor.flatten(1) for tensor in report.head.values() if tensor.ndim in (2, 4)]
    biases = [tensor for tensor in report.head.values() if tensor.ndim == 1]
    fits = len(weights) == len(biases) == 1 and weights[0].shape == (len(biases[0]), num_features)
    if not fits:
        raise RecycleNetError(
            f"recipe.keep needs weights that come with their linear head, not {', '.join(report.head) or 'none'}: "
            "use --set recipe.keep=0, or a file that has it"
        )
    return weights[0], biases[0]


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Named tensors from a .safetensors file or a torch file; never runs code from the file.

    Raises:
        RecycleNetError: missing, damaged, or holding anything but tensors.
    """
    file = Path(path)
    if not file.is_file():
        raise RecycleNetError(f"no file of weights at {file} (expected 'imagenet', 'none' or a file)")
    if file.suffix == ".safetensors":
        return read_tensors(file, "file of weights")[0]
    state = load_torch_file(file)
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise RecycleNetError(f"{file} is not a file of plain tensors: expected a table of names and tensors")
    return state


def _from_hub(arch: str) -> dict[str, Tensor]:
    tag = pretrained_tag(arch)
    try:
        state: dict[str, Tensor] = timm.create_model(tag, pretrained=True).state_dict()
    # The hub client fails in many ways (offline, unknown name, proxy, disk); all of them mean the same to a user.
    except Exception as error:
        reason = first_line(error, 200)
        raise RecycleNetError(
            f"the ImageNet weights {tag} cannot be had from the hub ({reason}); with a file of them (a timm "
            f"state dict, .safetensors or .pth) pass --pretrained FILE, or train from scratch with --pretrained none"
        ) from error
    return state


def _head_keys(backbone: nn.Module, arch: str, state: dict[str, Tensor]) -> set[str]:
    settings = timm.get_pretrained_cfg(arch, allow_unregistered=True)
    names = (settings.classifier if settings is not None else None) or ("fc", "classifier", "head.fc")
    names = [names] if isinstance(names, str) else [*names]
    if isinstance(getattr(backbone, "head", None), nn.Identity):
        names.append("head")  # taken off as a whole
    prefixes = tuple(f"{name}." for name in names)
    return {key for key in state if key.startswith(prefixes)}


def _some(keys: list[str] | tuple[str, ...]) -> str:
    return ", ".join(keys[:6]) + (f" and {len(keys) - 6} more" if len(keys) > 6 else "")
