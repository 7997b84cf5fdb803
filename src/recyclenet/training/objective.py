"""The loss of one step: cross entropy with label smoothing, on photos that may be mixed in pairs."""

import torch
from torch import Tensor
from torch.nn import functional


def mix_pairs(inputs: Tensor, targets: Tensor, num_classes: int, alpha: float) -> tuple[Tensor, Tensor]:
    """Mixup (https://arxiv.org/abs/1710.09412): each input blended with another of the batch.

    The own share is drawn once a batch from Beta(alpha, alpha) and is at least one half, so that the own
    label stays the main one. Random numbers from torch's global generator.

    Args:
        inputs: (N, …) float.
        targets: (N,) int64.
        num_classes: K.
        alpha: 0 leaves everything as it is.

    Returns:
        inputs (N, …) and targets (N, K) float32, rows summing to 1.
    """
    shares = functional.one_hot(targets, num_classes).float()
    if alpha == 0:
        return inputs, shares
    own = float(torch.distributions.Beta(alpha, alpha).sample())
    own = max(own, 1 - own)
    partner = torch.randperm(len(inputs)).to(inputs.device)
    return torch.lerp(inputs[partner], inputs, own), torch.lerp(shares[partner], shares, own)


def loss_of(logits: Tensor, shares: Tensor, label_smoothing: float) -> Tensor:
    """Mean cross entropy of logits (N, K) against target shares (N, K), in float32."""
    return functional.cross_entropy(logits.float(), shares, label_smoothing=label_smoothing)
