"""Where a run goes on from: its last checkpoint, or the one before it where the last is torn or not this run's."""

from collections.abc import Container
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from recyclenet.checkpoint import Checkpoint, TrainState, read_checkpoint
from recyclenet.config import TrainConfig
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.inventory import inventory_changes
from recyclenet.errors import RecycleNetError
from recyclenet.recipes import differences
from recyclenet.strict import from_dict
from recyclenet.training.place import KEEPS_EPOCH, Place
from recyclenet.training.run_folder import RunFolder, changed_settings


@dataclass(frozen=True)
class Found:
    """A checkpoint to go on from.

    Attributes:
        path: the file.
        checkpoint: what it holds.
        state: its training state.
        place: where it stands.
        config: the settings that it was written under; None in files from before that was kept.
        changed: what is another now (settings, photos, classes, pretrained weights), each with both values.
        passed_over: newer files that cannot be used, each with the reason.
    """

    path: Path
    checkpoint: Checkpoint
    state: TrainState
    place: Place
    config: TrainConfig | None
    changed: tuple[str, ...]
    passed_over: tuple[str, ...] = ()

    @property
    def keeps_epoch(self) -> bool:
        """Whether a half-done epoch goes on as it was begun."""
        return all(line.startswith(KEEPS_EPOCH) for line in self.changed)


def origin(config: TrainConfig, kept: str) -> dict[str, object]:
    """What a checkpoint says of its run, for `find_checkpoint`; `kept` the digest of networks it keeps to."""
    return {"config": asdict(config), "kept": kept}


def find_checkpoint(
    out: RunFolder, config: TrainConfig, folder: PhotoFolder, kept: str, *, force: bool = False
) -> Found:
    """The newest checkpoint in a run's folder that is whole and of this run.

    Args:
        out: the run's folder.
        config: the settings to go on with.
        folder: the photos to go on with.
        kept: digest of the pretrained weights that the run keeps to, and of its teachers; "" where it has none.
        force: take one that is of other settings or photos where there is no other.

    Raises:
        RecycleNetError: none that can be read; or, without `force`, none of these settings and photos.
    """
    wanted = _Wanted(out, config, folder, folder.fingerprint(), kept)
    passed_over, readable = [], []
    for path in (out.last, out.before_last):
        try:
            readable.append(_read(path, wanted))
        except RecycleNetError as error:
            if path == out.last or path.exists():
                passed_over.append(str(error))
    if not readable:
        raise RecycleNetError(f"there is nothing to go on from: {'; '.join(passed_over)}. Start a new run")
    fitting = [item for item in readable if not item.changed]
    if not fitting and not force:
        raise RecycleNetError(
            f"{readable[0].path} is of other settings or photos: {'; '.join(readable[0].changed)}. Put that back, "
            "start a new run with another --out, or go on all the same with --force"
        )
    chosen = [*fitting, *_of_this_folder(readable, out), *readable][0]
    newer = readable[: readable.index(chosen)]
    passed_over += [f"{item.path} is not this run's: {'; '.join(item.changed)}" for item in newer]
    return replace(chosen, passed_over=tuple(passed_over) if chosen.path != out.last else ())


def _of_this_folder(readable: list[Found], out: RunFolder) -> list[Found]:
    """Those that the folder's own configuration could have written: others were put there."""
    own = out.read_config()
    return [item for item in readable if item.config is not None and not changed_settings(item.config, own)]


@dataclass(frozen=True)
class _Wanted:
    """What a checkpoint must be of."""

    out: RunFolder
    config: TrainConfig
    folder: PhotoFolder
    fingerprint: str
    kept: str


def _read(path: Path, wanted: _Wanted) -> Found:
    checkpoint = read_checkpoint(path)
    state = checkpoint.train_state
    if state is None:
        raise RecycleNetError(f"{path} cannot be resumed from: it has no training state")
    place = from_dict(Place, state.values, str(path))
    if state.origin is None:
        before = None
        changed = [f"model.{line}" for line in differences(checkpoint.description.model, wanted.config.model)]
    else:
        before = from_dict(TrainConfig, state.origin.get("config"), str(path))
        changed = changed_settings(before, wanted.config)
        if state.origin.get("kept") != wanted.kept:
            changed.append("pretrained weights or teachers that the run keeps to: others than before")
    changed += _changed_data(checkpoint, wanted, place.unreadable)
    return Found(path, checkpoint, state, place, before, tuple(changed))


def _changed_data(checkpoint: Checkpoint, wanted: _Wanted, unreadable: Container[str]) -> list[str]:
    changed = []
    before, now = checkpoint.description.classes, wanted.folder.classes
    if before != now:
        changed.append(f"classes: {', '.join(before)} → {', '.join(now)}")
    if checkpoint.description.data.get("fingerprint") == wanted.fingerprint:
        return changed
    listed = wanted.out.inventory
    if not inventory_changes(listed, wanted.folder):
        changed.append(f"photos: others than those in {listed}")
    # A photo that was left out may have been lost or repaired since: it stays out.
    elif photos := inventory_changes(listed, wanted.folder, ignore=unreadable):
        changed.append(f"the photos or splits changed since this run was started: {', '.join(photos)}")
    return changed
