"""What a run has learnt, as tensors and back: the network, its moving average, the optimizer's memory."""

from dataclasses import dataclass

import torch
from timm.utils import ModelEmaV3
from torch import Tensor

from recyclenet.checkpoint import Checkpoint, TrainState, fill
from recyclenet.config import Recipe
from recyclenet.errors import RecycleNetError
from recyclenet.models.classifier import Classifier
from recyclenet.training.optim import adopt_memory, create_optimizer, optimizer_tensors, restore_optimizer

_RAW = "model."


@dataclass(frozen=True)
class Learner:
    """A network in training, what moves its weights, and their moving average where there is one."""

    model: Classifier
    optimizer: torch.optim.Optimizer
    ema: ModelEmaV3 | None
    recipe: Recipe
    attn_in_blocks: bool

    @property
    def deployed(self) -> Classifier:
        """The network that is evaluated and kept: the moving average where there is one."""
        return self.ema.module if self.ema is not None else self.model

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint needs besides the deployed weights."""
        tensors = optimizer_tensors(self.optimizer)
        if self.ema is not None:
            tensors |= {_RAW + name: value for name, value in self.model.state_dict().items()}
        return tensors

    def not_finite(self) -> str | None:
        """The first tensor, weights or statistics, with a number in it that is none."""
        for network in (self.model, self.deployed):
            for name, tensor in network.state_dict().items():
                if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                    return name
        return None

    def restore(self, checkpoint: Checkpoint, state: TrainState, where: str, before: Recipe | None = None) -> None:
        """Puts back what a checkpoint holds.

        Args:
            checkpoint: deployed weights.
            state: what `tensors` gave.
            where: how errors name the file.
            before: the recipe that it was written under, where that was another one. The optimizer's memory then
                comes back where both optimizers are of one kind and over the same parameters, and else starts anew.

        Raises:
            RecycleNetError: it is of another network.
        """
        raw = {name.removeprefix(_RAW): value for name, value in state.tensors.items() if name.startswith(_RAW)}
        fill(self.model, raw or checkpoint.weights, where)
        if self.ema is not None:
            fill(self.ema.module, checkpoint.weights, where)
        try:
            if before is None:
                restore_optimizer(self.optimizer, state.tensors)
            elif (before.optimizer, before.trained_stages) == (self.recipe.optimizer, self.recipe.trained_stages):
                older = create_optimizer(self.model, before, attn_in_blocks=self.attn_in_blocks)
                restore_optimizer(older, state.tensors)
                adopt_memory(self.optimizer, older)
        except (KeyError, TypeError, ValueError) as error:
            raise RecycleNetError(f"{where}: its training state does not fit this run ({error})") from error


def create_learner(model: Classifier, recipe: Recipe, *, attn_in_blocks: bool) -> Learner:
    """For a network whose frozen parameters are marked already."""
    optimizer = create_optimizer(model, recipe, attn_in_blocks=attn_in_blocks)
    ema = ModelEmaV3(model, recipe.ema_decay, use_warmup=True) if recipe.ema_decay else None
    return Learner(model, optimizer, ema, recipe, attn_in_blocks)
