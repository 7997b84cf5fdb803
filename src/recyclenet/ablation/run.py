"""One run of an ablation: train, or go on, choose the epoch on val, read test once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recyclenet.ablation.results import RunResult, read_result, write_result
from recyclenet.ablation.suites import Variant
from recyclenet.config import TrainConfig
from recyclenet.data.folder import PhotoFolder, open_photo_folder
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import evaluate, load_model
from recyclenet.models.summary import count_params
from recyclenet.recipes import override
from recyclenet.training.loop import train
from recyclenet.training.progress import Watcher
from recyclenet.training.run_folder import RunFolder


@dataclass(frozen=True)
class Run:
    """A variant and a seed, and the settings that all runs of the ablation share."""

    variant: Variant
    seed: int
    base: TrainConfig

    @property
    def key(self) -> str:
        """The name of its folder."""
        return f"{self.variant.key}-seed-{self.seed}"

    @property
    def config(self) -> TrainConfig:
        """What is trained."""
        pretrained = self.base.pretrained if self.variant.pretrained else "none"
        recipe = override(self.base.recipe, dict(self.variant.settings))
        teachers = self.base.teachers if self.variant.taught else ()
        return replace(
            self.base,
            model=self.variant.model,
            recipe=recipe,
            pretrained=pretrained,
            teachers=teachers,
            seed=self.seed,
        )


def result_file(out: Path, run: Run) -> Path:
    """Where the run's result stands when it is finished."""
    return out / "runs" / run.key / "result.json"


def finished(out: Path, run: Run, fingerprint: str) -> RunResult | None:
    """The result of an earlier call, or None.

    Raises:
        RecycleNetError: the folder holds a run with other settings or other data.
    """
    folder = RunFolder(result_file(out, run).parent)
    if folder.config_file.exists() and (changed := folder.changed_settings(run.config)):
        raise RecycleNetError(
            f"{folder.path} holds a run with other settings ({'; '.join(changed)}): choose another --out"
        )
    result = read_result(result_file(out, run))
    if result is not None and result.fingerprint != fingerprint:
        raise RecycleNetError(f"{folder.path} was trained on other photos or another split: choose another --out")
    return result


def perform(run: Run, out: Path, device: str, watcher: Watcher) -> RunResult | int:
    """Trains and measures one run.

    Returns:
        What it measured, or the signal by which a stop was asked for (then calling again goes on).

    Raises:
        RecycleNetError: as `train` and `evaluate`.
    """
    folder = open_photo_folder(run.base.data)
    files = RunFolder(result_file(out, run).parent)
    trained = train(
        replace(run.config, device=device),
        folder,
        files,
        watcher,
        resume=files.config_file.exists(),
        features=features_folder(out, run) if run.config.recipe.caches_features else None,
    )
    if trained.stopped_by is not None:
        return trained.stopped_by
    if trained.best is None:
        raise AssertionError("a run that was not stopped has an epoch")
    result = RunResult(
        variant=run.variant.key,
        seed=run.seed,
        epochs=run.config.recipe.epochs,
        best_epoch=int(trained.best["epoch"]),
        val_correct=int(trained.best["val_correct"]),
        val_total=int(trained.best["val_total"]),
        hits=_hits(files.best, folder, device),
        params=count_params(run.variant.model, len(folder.classes)),
        seconds=trained.seconds - trained.feature_seconds,
        feature_seconds=trained.feature_seconds,
        fingerprint=folder.fingerprint(),
    )
    write_result(result_file(out, run), result)
    files.last.unlink(missing_ok=True)  # what only a resume would need, and the largest file
    return result


def features_folder(out: Path, run: Run) -> Path:
    """Features of the frozen stages: one folder for all variants of one architecture, seed and recipe."""
    return out / "features" / (run.key if run.variant.settings else f"{run.variant.model.arch}-seed-{run.seed}")


def environments(out: Path, runs: Iterable[Run]) -> dict[str, str]:
    """What the runs that there are ran on: each fact of their environments, several values with commas between."""
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, value in RunFolder(result_file(out, run).parent).read_environment().items():
            if name != "command":
                found.setdefault(name, {})[str(value)] = None
    return {name: ", ".join(values) for name, values in found.items()}


def _hits(checkpoint: Path, folder: PhotoFolder, device: str) -> str:
    measured = evaluate(load_model(checkpoint, device), folder, "test")
    classes = measured.model.description.classes
    answers = np.argmax(measured.logits, axis=1)
    pairs = zip(answers, measured.records, strict=True)
    return "".join("1" if classes[answer] == record.label else "0" for answer, record in pairs)
