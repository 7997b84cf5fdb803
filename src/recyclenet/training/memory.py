"""What the pretrained network would have said: fine-tuning on a few photos need not forget the rest of the world."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from recyclenet.config import TrainConfig
from recyclenet.models.factory import create_classifier
from recyclenet.models.pretrained import linear_head, load_pretrained
from recyclenet.models.stages import split_backbone
from recyclenet.training.device import Compute

_TEMPERATURE = 2.0


class Memory(nn.Module):
    """The trained stages as they were before training, with the head that they had.

    Source: learning without forgetting, https://arxiv.org/abs/1606.09282

    Args:
        upper: what the lower stages give → features (N, C, h, w); not changed.
        weight, bias: of the old head, (K, C) and (K,).
    """

    def __init__(self, upper: nn.Module, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.upper = upper
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)
        self.eval()
        self.requires_grad_(False)

    def difference(self, lowered: Tensor, features: Tensor) -> Tensor:
        """How far the old head's answers have moved: Kullback-Leibler divergence, softened, mean over the batch.

        Args:
            lowered: what the stages that stay as they are give.
            features: (N, C, h, w) that the trained network makes of it.
        """
        with torch.no_grad():
            before = self._answers(self.upper(lowered))
        divergence = functional.kl_div(self._answers(features), before, reduction="batchmean", log_target=True)
        return divergence * _TEMPERATURE**2

    def _answers(self, features: Tensor) -> Tensor:
        pooled = features.float().mean(dim=(2, 3))
        with torch.autocast(pooled.device.type, enabled=False):
            logits = functional.linear(pooled, self.weight, self.bias)
        return functional.log_softmax(logits / _TEMPERATURE, dim=1)


def remember(config: TrainConfig, compute: Compute) -> Memory:
    """The pretrained network that a run starts from.

    Raises:
        RecycleNetError: as `load_pretrained`; weights without a linear head on the pooled features.
    """
    network = create_classifier(config.model, 2)
    report = load_pretrained(network.backbone, config.model, config.pretrained)
    weight, bias = linear_head(report, network.head.in_features)
    _, upper = split_backbone(network.backbone, config.recipe.trained_stages)
    memory = Memory(upper, weight, bias)
    return memory.to(memory_format=compute.layout).to(compute.device)
