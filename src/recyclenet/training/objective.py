"""The loss of one step: cross entropy with label smoothing, on photos that may be mixed in pairs."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def mix_pairs(
    inputs: Tensor, targets: Tensor, num_classes: int, alpha: float, cutmix: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Each input mixed with another of the batch: blended with it, or with a rectangle of it pasted in.

    Mixup (https://arxiv.org/abs/1710.09412) draws the own share once a batch from Beta(alpha, alpha), CutMix
    (https://arxiv.org/abs/1905.04899) evenly. It is at least one half, so that the own label stays the main one.
    Random numbers from torch's global generator.

    Args:
        inputs: (N, …) float; (N, C, H, W) where there is CutMix.
        targets: (N,) int64.
        num_classes: K.
        alpha: 0 blends nothing.
        cutmix: the share of batches with CutMix instead.

    Returns:
        inputs (N, …) and targets (N, K) float32, rows summing to 1.
    """
    shares = functional.one_hot(targets, num_classes).float()
    cuts = cutmix > 0 and float(torch.rand(())) < cutmix
    if alpha == 0 and not cuts:
        return inputs, shares
    own = float(torch.rand(())) if cuts else float(torch.distributions.Beta(alpha, alpha).sample())
    own = max(own, 1 - own)
    partner = torch.randperm(len(inputs)).to(inputs.device)
    if not cuts:
        return torch.lerp(inputs[partner], inputs, own), torch.lerp(shares[partner], shares, own)
    height, width = inputs.shape[2:]
    rows, columns = _rectangle(height, width, 1 - own)
    mixed = inputs.clone()
    mixed[:, :, rows, columns] = inputs[partner, :, rows, columns]
    # What was pasted in, not what was asked for: a rectangle ends with the photo.
    own = 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return mixed, torch.lerp(shares[partner], shares, own)


def _rectangle(height: int, width: int, area: float) -> tuple[slice, slice]:
    """Rows and columns around a place drawn evenly: this share of the photo, less what lies outside of it."""

    def side(length: int) -> slice:
        half, middle = length * math.sqrt(area) / 2, length * float(torch.rand(()))
        return slice(max(round(middle - half), 0), min(round(middle + half), length))

    return side(height), side(width)


def loss_of(logits: Tensor, shares: Tensor, label_smoothing: float) -> Tensor:
    """Mean cross entropy of logits (N, K) against target shares (N, K), in float32."""
    return functional.cross_entropy(logits.float(), shares, label_smoothing=label_smoothing)
