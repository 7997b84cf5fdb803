"""One update of the weights: mix, forward, loss, backward, step; the same whether one process has the batch or several.

The batch of a step is the whole team's. Each process has the loss of its part, weighted by the part's photos, so that
the mean of the gradients over the processes is the gradient of the batch's mean loss.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from recyclenet.config import Recipe
from recyclenet.models.classifier import Classifier
from recyclenet.training.compiled import CompiledStep
from recyclenet.training.depthwise import fast_depthwise
from recyclenet.training.device import Compute
from recyclenet.training.memory import Memory
from recyclenet.training.objective import loss_of, mix_pairs
from recyclenet.training.sources import Source
from recyclenet.training.state import Learner
from recyclenet.training.teachers import Teachers
from recyclenet.training.team import Team
from recyclenet.training.two_places import disagreement, in_turn


class Updated(NamedTuple):
    """The mean loss of the whole batch, and how many of its photos were answered right before the update."""

    loss: float
    correct: int


class _Pass(nn.Module):
    """What a step computes, as one module, so that its gradients can be shared while it is still computing others."""

    def __init__(self, source: Source, model: Classifier, memory: Memory | None) -> None:
        super().__init__()
        self.source, self.model, self.memory = source, model, memory

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs (n, …) → logits (n, K), and how far the answers have moved from those remembered, 0 without memory."""
        if self.memory is None:
            return self.source.forward(self.model, inputs), inputs.new_zeros(())
        lowered, features = self.source.parts(self.model, inputs)
        return self.model.forward_head(features), self.memory.difference(lowered, features)


class Updater:
    """Updates a learner's weights by a source's batches.

    Args:
        learner: whose weights change.
        source: where batches come from.
        memory: what the network keeps to, or None.
        teachers: whose answers it learns, or None.
        compute: where.
        team: the processes that have a part each of every batch.
        check: told ("loss" or "gradient", its value), the same in all processes; raises where it is no number.
        compiled: whether whole batches go through what torch.compile makes of the network; for a process alone.
    """

    def __init__(
        self,
        learner: Learner,
        source: Source,
        memory: Memory | None,
        teachers: Teachers | None,
        compute: Compute,
        team: Team,
        check: Callable[[str, float], None],
        *,
        compiled: bool = False,
    ) -> None:
        self.learner, self.compute, self.team, self.check = learner, compute, team, check
        self.teachers = teachers
        self.model, self.recipe = learner.model, learner.recipe
        self._pass = _Pass(source, self.model, memory)
        self._shared: nn.Module | None = None
        self._views = 2 if self.recipe.consistency else 1  # of a photo, in a batch
        rows = self._views * self.recipe.batch_size
        self._compiled = CompiledStep(self._pass, compute, rows) if compiled else None

    def update(self, inputs: Tensor, targets: Tensor, counts: Sequence[int], updates: int) -> Updated:
        """One step.

        Args:
            inputs: this process's part of the batch, (n, …) float32; (n, 6, H, W) where every photo is seen in two
                places.
            targets: (n,) int64.
            counts: photos in every process's part, in order of rank.
            updates: of the weights before this one.
        """
        team, recipe, photos = self.team, self.recipe, sum(counts)
        inputs, targets = self.compute.place(inputs), targets.to(self.compute.device)
        # Too few to be divided: every process computes all of it, and all come to the same.
        divided = min(counts) >= least_part(recipe)
        start = sum(counts[: team.rank])
        own = slice(start, start + counts[team.rank])
        whole = not divided or recipe.mixup > 0 or recipe.cutmix > 0  # photos are mixed with those of other processes
        if whole:
            inputs = self.compute.place(team.rows(inputs, counts))
            targets = team.rows(targets, counts)
        mixed, shares = mix_pairs(inputs, targets, self.model.head.out_features, recipe.mixup, recipe.cutmix)
        if whole and divided:
            mixed, shares, targets = mixed[own], shares[own], targets[own]
        views = self._views
        if views > 1:  # both were mixed with the same other photo, in the same shares
            mixed, shares = self.compute.place(in_turn(mixed)), shares.repeat_interleave(views, dim=0)
        if not team.alone:
            rows = slice(views * own.start, views * own.stop) if divided else slice(None)
            self.model.drop.take_part(rows, views * photos)
        weight = len(targets) / photos
        shared = divided and not team.alone
        compiled = self._compiled if self._compiled is not None and self._compiled.takes(mixed) else None
        with compiled.explained() if compiled is not None else nullcontext():
            with self.compute.autocast(), fast_depthwise(self.compute):
                logits, moved = self._forward(mixed) if compiled is None else compiled(mixed)
                loss = loss_of(logits, shares, recipe.label_smoothing)
                if self.teachers is not None:
                    loss = torch.lerp(loss, self.teachers.loss(mixed, logits), recipe.distill)
            loss = loss + recipe.keep * moved
            if views > 1:
                loss = loss + recipe.consistency * disagreement(logits)
            self.learner.optimizer.zero_grad(set_to_none=True)
            (loss * (weight * team.size) if shared else loss).backward()  # type: ignore[no-untyped-call]
        correct = (logits.detach()[::views].argmax(dim=1) == targets).sum()
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        # Asked for once a step, when all is under way: a GPU would stand still while it is asked.
        value, right, length = torch.stack([loss.detach().float(), correct.float(), norm.float()]).tolist()
        found = Updated(value, int(right))
        if shared:
            value, right = team.total(found.loss * weight, found.correct)
            found = Updated(value, int(right))
        # Before the weights change: a stop right after this step would keep them.
        self.check("loss", found.loss)
        self.check("gradient", length)
        self.learner.optimizer.step()
        team.average(self._statistics(), weight if divided else 1 / team.size)
        if self.learner.ema is not None:
            self.learner.ema.update(self.model, step=updates + 1)
        return found

    def _forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        if self._shared is None:
            some_unused = not self.team.alone and self._has_unused(inputs)
            self._shared = self.team.wrap(self._pass, self.compute.device, some_unused=some_unused)
        return self._shared(inputs)  # type: ignore[no-any-return]

    def _has_unused(self, inputs: Tensor) -> bool:
        """Whether a parameter that could learn gets no gradient: some backbones have parts that are not in use."""
        was_training = {module: module.training for module in self.model.modules()}
        self.model.eval()
        logits, moved = self._pass(inputs[:1])
        (logits.sum() + moved).backward()
        found = any(parameter.grad is None for parameter in self.model.parameters() if parameter.requires_grad)
        self.learner.optimizer.zero_grad(set_to_none=True)
        for module, training in was_training.items():
            module.training = training
        return found

    def _statistics(self) -> list[Tensor]:
        """What batch norm remembers of the parts, where it learns that."""
        return [
            tensor
            for module in self.model.modules()
            if isinstance(module, _BatchNorm) and module.training
            for tensor in (module.running_mean, module.running_var)
            if tensor is not None
        ]


def least_part(recipe: Recipe) -> int:
    """The fewest photos of a batch that a process computes alone: a single one's own statistics mean nothing."""
    return 2 if recipe.batch_norm == "own" else 1


def set_training(model: Classifier, frozen: nn.Module, recipe: Recipe) -> None:
    """Training mode, apart from stages that stay as they are and batch norm that keeps its statistics."""
    model.train()
    frozen.eval()
    if recipe.batch_norm == "frozen":
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
