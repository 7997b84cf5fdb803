"""What the network says of every val photo."""

import numpy as np
import torch
from numpy.typing import NDArray

from recyclenet.models.classifier import Classifier
from recyclenet.training.device import Compute
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
