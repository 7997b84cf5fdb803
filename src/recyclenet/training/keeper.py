"""What a run leaves in its folder: its network at the start, at its best and now, and the figures of its epochs."""

from dataclasses import asdict

from torch.utils.tensorboard import SummaryWriter

from recyclenet.checkpoint import TrainState, save_checkpoint
from recyclenet.config import TrainConfig
from recyclenet.data.folder import PhotoFolder
from recyclenet.description import ModelDescription
from recyclenet.preprocess import PreprocessSpec
from recyclenet.training.describe import describe_model
from recyclenet.training.place import Place
from recyclenet.training.resume import origin
from recyclenet.training.run_folder import Row, RunFolder
from recyclenet.training.state import Learner

_DRAWN = ("lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy")


class Keeper:
    """Writes a run's checkpoints and figures; of a team the first process alone has one that writes.

    Args:
        out: the run's folder.
        config: the run's.
        folder: the run's photos.
        spec: the evaluation view.
        learner: what is kept.
        kept: digest of the networks that the run keeps to; "" where there are none.
        writes: whether this process is the one that writes.
    """

    def __init__(
        self,
        out: RunFolder,
        config: TrainConfig,
        folder: PhotoFolder,
        spec: PreprocessSpec,
        learner: Learner,
        kept: str,
        *,
        writes: bool,
    ) -> None:
        self._out, self._config, self._spec, self._learner, self._kept = out, config, spec, learner, kept
        self._writes = writes
        # Derived from every record: once a run, not at every step.
        self._classes = folder.classes
        self._data = {"name": folder.root.resolve().name, "fingerprint": folder.fingerprint()}

    def go_on(self, description: ModelDescription) -> None:
        """The photos stay what a checkpoint says, though one that was left out may be gone or repaired since."""
        self._data["fingerprint"] = description.data["fingerprint"]

    def start(self, place: Place) -> None:
        """The network before its first step."""
        if self._writes:
            save_checkpoint(self._out.start, self._learner.deployed.state_dict(), self._describe(None, place))

    def epoch(self, place: Place, row: Row, board: SummaryWriter | None, *, best: bool) -> None:
        """An epoch's figures; and the network, where it is the best one so far.

        Args:
            place: after the epoch.
            row: the epoch's figures.
            board: TensorBoard's file.
            best: whether no epoch before was better.
        """
        if not self._writes:
            return
        if best:
            save_checkpoint(self._out.best, self._learner.deployed.state_dict(), self._describe(row, place))
        self._out.write_history(place.history)
        if board is not None:
            for name in _DRAWN:
                board.add_scalar(name, row[name], place.epoch)
            board.flush()

    def last(self, place: Place) -> None:
        """The network as it is, with all that a run needs to go on; the checkpoint before it stays.

        Raises:
            RecycleNetError: it cannot be written; the last one stays as it is.
        """
        if not self._writes:
            return
        row = place.history[-1] if place.history else None
        state = TrainState(self._learner.tensors(), asdict(place), origin(self._config, self._kept))
        weights = self._learner.deployed.state_dict()
        save_checkpoint(self._out.last, weights, self._describe(row, place), state, keep=self._out.before_last)

    def _describe(self, row: Row | None, place: Place) -> ModelDescription:
        """The network; `row` holds the figures of the epoch that made it."""
        return describe_model(self._config, self._classes, self._spec, self._data, row, len(place.unreadable))
