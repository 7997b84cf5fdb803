"""Trained networks whose answers a run learns, too: what they know of a photo beyond its label."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from recyclenet.checkpoint import load_classifier
from recyclenet.config import TrainConfig
from recyclenet.errors import RecycleNetError
from recyclenet.models.classifier import Classifier
from recyclenet.preprocess import PreprocessSpec
from recyclenet.training.device import Compute

_TEMPERATURE = 2.0


class Teachers(nn.Module):
    """Networks that answer the very views that the learner sees, mixed and moved as they are, with their mean.

    Sources: distillation, https://arxiv.org/abs/1503.02531; the same views for both, https://arxiv.org/abs/2106.05237

    Args:
        networks: images as each of them expects → logits (N, K); not changed.
        views: of the learner's images, (scale, shift) of each colour that make them the network's, (3,) each.
    """

    def __init__(self, networks: Sequence[nn.Module], views: Sequence[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        for number, (scale, shift) in enumerate(views):
            self.register_buffer(f"scale_{number}", scale[:, None, None])
            self.register_buffer(f"shift_{number}", shift[:, None, None])
        self.eval()
        self.requires_grad_(False)

    def loss(self, images: Tensor, logits: Tensor) -> Tensor:
        """How far a learner's answers are from the teachers': Kullback-Leibler divergence, softened, batch mean.

        Args:
            images: (N, 3, H, W), as the learner gets them.
            logits: (N, K), the learner's.
        """
        learnt = functional.log_softmax(logits.float() / _TEMPERATURE, dim=1)
        return functional.kl_div(learnt, self._answers(images), reduction="batchmean") * _TEMPERATURE**2

    @torch.no_grad()
    def _answers(self, images: Tensor) -> Tensor:
        """Mean of the softened probabilities, (N, K) float32."""
        answers = []
        for number, network in enumerate(self.networks):
            scale, shift = self.get_buffer(f"scale_{number}"), self.get_buffer(f"shift_{number}")
            logits = network(torch.addcmul(shift, images, scale))
            answers.append(functional.softmax(logits.float() / _TEMPERATURE, dim=1))
        return torch.stack(answers).mean(dim=0)


def load_teachers(config: TrainConfig, classes: tuple[str, ...], spec: PreprocessSpec, compute: Compute) -> Teachers:
    """The trained models that a run's configuration names.

    Args:
        config: of the run.
        classes: of its photos.
        spec: how it sees photos; teachers see the same ones, in the colours that they know.
        compute: where.

    Raises:
        RecycleNetError: as `load_classifier`, or a model that answers with other classes.
    """
    networks: list[Classifier] = []
    views = []
    for path in config.teachers:
        network, description = load_classifier(path)
        if description.classes != classes:
            raise RecycleNetError(
                f"{path} cannot teach this: it answers with {', '.join(description.classes)}, and the photos are of "
                f"{', '.join(classes)}"
            )
        networks.append(network)
        views.append(_view(spec, description.preprocess))
    return Teachers(networks, views).to(memory_format=compute.layout).to(compute.device)


def _view(learner: PreprocessSpec, teacher: PreprocessSpec) -> tuple[Tensor, Tensor]:
    """Scale and shift from one's normalised colours to the other's, (3,) each."""
    mean, std = torch.tensor(learner.mean), torch.tensor(learner.std)
    other_mean, other_std = torch.tensor(teacher.mean), torch.tensor(teacher.std)
    return std / other_std, (mean - other_mean) / other_std
