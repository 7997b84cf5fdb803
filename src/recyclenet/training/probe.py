"""The head's first weights: the best ones for the features of the network as it is before training.

A head that starts at random pulls the features about until it fits; one that fits from the start leaves them what
they know (https://arxiv.org/abs/2202.10054).
"""

import torch
from torch import Tensor
from torch.nn import functional

from recyclenet.models.classifier import Classifier
from recyclenet.training.device import Compute
from recyclenet.training.interrupt import StopRequest
from recyclenet.training.sources import Source
from recyclenet.training.team import ALONE, Team

_DECAY = 0.2  # on standardised features: few photos, many channels
_STEPS = 100


def probe_head(model: Classifier, source: Source, compute: Compute, stop: StopRequest, team: Team = ALONE) -> None:
    """Fits the model's head, in place, to its pooled features of the train split.

    Raises:
        PhotoError: a photo cannot be read.
        RunStopped: a stop was asked for.
    """
    model.eval()
    pooled, targets = [], []
    with torch.inference_mode(), compute.autocast():
        for inputs, target in source.plain_batches():
            team.check(stop)
            _, features = source.parts(model, compute.place(inputs))
            part, counts = model.attention(features).float().mean(dim=(2, 3)).cpu(), team.counts(len(target))
            pooled.append(team.rows(part, counts))
            targets.append(team.rows(target, counts))
    weight, bias = fit_linear(torch.cat(pooled).clone(), torch.cat(targets), model.head.out_features)
    with torch.no_grad():
        model.head.weight.copy_(weight)
        model.head.bias.copy_(bias)
    team.copy_from_lead(model.head)  # the fit may differ in its last digits between machines


def fit_linear(features: Tensor, targets: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regression by L-BFGS.

    The loss is the mean cross entropy plus 1/2 · 0.2 · squared weights, features standardised.

    Args:
        features: (n, C) float32.
        targets: (n,) int64 in [0, num_classes).
        num_classes: K.

    Returns:
        weight (K, C) and bias (K,), for features as they come.
    """
    mean, std = features.mean(dim=0), features.std(dim=0).clamp_min(1e-6)
    inputs = (features - mean) / std
    weight = torch.zeros(num_classes, features.shape[1], requires_grad=True)
    bias = torch.zeros(num_classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(functional.linear(inputs, weight, bias), targets)
        value = value + 0.5 * _DECAY * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    scaled = weight.detach() / std
    return scaled, bias.detach() - scaled @ mean
