"""What the network says of every val photo, and which of two epochs said it better."""

import numpy as np
import torch
from numpy.typing import NDArray

from recyclenet.models.classifier import Classifier
from recyclenet.training.device import Compute
from recyclenet.training.run_folder import Row
from recyclenet.training.sources import Source
from recyclenet.training.team import ALONE, Team


def predict_logits(
    source: Source, model: Classifier, compute: Compute, team: Team = ALONE
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits (n, K) and targets (n,) of the val split, in float32; each photo once, whoever computed it."""
    model.eval()
    logits, targets = [], []
    with torch.inference_mode():
        for inputs, target in source.val_batches():
            counts = team.counts(len(target))
            logits.append(team.rows(source.forward(model, compute.place(inputs)).float().cpu(), counts))
            targets.append(team.rows(target, counts))
    return torch.cat(logits).numpy(), torch.cat(targets).numpy()


def rank(row: Row, best_by: str) -> tuple[float, float]:
    """An epoch's figures; greater is better, by the recipe's criterion, "accuracy" or "loss". The other breaks ties."""
    order = (row["val_correct"] / row["val_total"], -row["val_loss"])  # the total shrinks where photos are lost
    return order if best_by == "accuracy" else (order[1], order[0])
