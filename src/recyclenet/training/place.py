"""Where a run stands: what a checkpoint restores besides tensors."""

from dataclasses import dataclass, field, replace

from recyclenet.training.run_folder import Row

# Settings that do not say which photos come when and as what: with another value a half-done epoch still goes on.
KEEPS_EPOCH = ("data", "workers", "device", "checkpoint_every", "max_unreadable", "pretrained", "recipe.epochs")


@dataclass
class Place:
    """A moment in a run, between two steps."""

    epoch: int = 0
    step: int = 0
    updates: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0
    seconds: float = 0.0  # of training in this epoch
    elapsed: float = 0.0  # of the whole run, features and validation included, stops not
    features: float = 0.0  # seconds of it that went into features
    best: Row | None = None
    history: list[Row] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)  # photos that are left out: path, reason

    def restarted(self) -> "Place":
        """The start of the epoch that is half done."""
        return replace(self, step=0, loss_sum=0.0, correct=0, seen=0, seconds=0.0)

    def after(self, row: Row, best: Row | None) -> "Place":
        """The start of the next epoch; `row` has this one's figures, `best` the best so far's."""
        return replace(self.restarted(), epoch=self.epoch + 1, best=best, history=[*self.history, row])
