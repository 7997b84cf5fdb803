"""Training, from configuration to checkpoints, in one piece.

Every random number is a function of seed, epoch and place in the epoch, and a checkpoint holds that place:
a run that was stopped goes on with the batches, augmentations and drop-out that it would have had.
"""

import math
import time
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from timm.layers import convert_sync_batchnorm
from torch.utils.tensorboard import SummaryWriter

from recyclenet.atomic import make_folder, remove_leftovers
from recyclenet.config import TrainConfig
from recyclenet.data.batches import derive_seed, explained_readers
from recyclenet.data.features import FeatureCache
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.inventory import write_inventory
from recyclenet.data.shots import take_shots
from recyclenet.errors import RecycleNetError
from recyclenet.lock import lock_folder
from recyclenet.metrics import accuracy_counts, mean_nll
from recyclenet.models.classifier import Classifier
from recyclenet.models.factory import create_classifier
from recyclenet.models.stages import split_backbone
from recyclenet.preprocess import PreprocessSpec
from recyclenet.tensor_file import digest_tensors
from recyclenet.training.device import Compute, choose_compute
from recyclenet.training.feature_source import compute_features
from recyclenet.training.heap import keep_heap
from recyclenet.training.held_source import HeldSource
from recyclenet.training.interrupt import RunStopped, StopRequest
from recyclenet.training.keeper import Keeper
from recyclenet.training.memory import Memory, remember
from recyclenet.training.optim import lr_factor, set_lr
from recyclenet.training.place import Place
from recyclenet.training.probe import probe_head
from recyclenet.training.progress import Step, Watcher
from recyclenet.training.resume import Found, find_checkpoint
from recyclenet.training.run_folder import Row, RunFolder
from recyclenet.training.settings import check_data, check_settings, check_team, create_spec
from recyclenet.training.sources import PhotoSource, Source
from recyclenet.training.start import load_start, starts_with_head
from recyclenet.training.state import create_learner
from recyclenet.training.teachers import Teachers, load_teachers
from recyclenet.training.team import ALONE, Team
from recyclenet.training.unreadable import Unreadable
from recyclenet.training.update import Updater, set_training
from recyclenet.training.validate import predict_logits, rank


@dataclass(frozen=True)
class TrainResult:
    """How a run ended: its best epoch on val, the signal that stopped it early if one did, its duration.

    `feature_seconds` of `seconds` went into the features of frozen stages.
    """

    best: Row | None
    epochs_done: int
    stopped_by: int | None
    seconds: float
    feature_seconds: float


def train(
    config: TrainConfig,
    folder: PhotoFolder,
    out: RunFolder,
    watcher: Watcher,
    *,
    resume: bool = False,
    force: bool = False,
    start_epoch: int = 0,
    features: Path | None = None,
    team: Team = ALONE,
) -> TrainResult:
    """Trains as configured, leaving everything in the run's folder.

    In a team every process calls this with the same settings and photos; the first one alone writes. The batches are
    the team's: what comes out is what one process would have made of them, apart from the order in which floats are
    added, and from batch norm's statistics where those are each process's own.

    Args:
        config: resolved settings; with `resume`, those that the run was started with.
        folder: the opened data folder, split.
        out: the run's folder; new, or with `resume` one that holds a run.
        watcher: told of everything as it happens.
        resume: go on from the last checkpoint.
        force: go on also with other settings, photos or classes, as far as the network stays the same.
        start_epoch: epochs to leave out of a new run, as if they had been.
        features: a folder for the features of stages that stay as they are, shared by several runs and kept; by
            default one in the run's folder, removed at the end.
        team: the processes that train together, of which this is one.

    Raises:
        RecycleNetError: settings, data, weights or checkpoint that do not fit each other; a folder that another
            process trains in; more photos that cannot be read than may be; a loss that is no longer a number; a
            full disk. The last checkpoint stays.
    """
    check_settings(config)
    check_data(folder)
    if not resume:
        team.by_lead(out.check_new)
    compute = choose_compute(team.device(config.device), config.recipe.precision, config.recipe.channels_last)
    check_team(config, compute.device, team)
    if compute.device.type == "cpu":
        keep_heap()
    spec = create_spec(config)
    torch.manual_seed(derive_seed(config.seed))
    model = create_classifier(config.model, len(folder.classes))
    restarts = team.by_lead(lambda: resume and out.has_checkpoint)
    with team.lead_first():
        memory = remember(config, compute) if config.recipe.keep else None
        teachers = load_teachers(config, folder.classes, spec, compute) if config.teachers else None
        if not restarts:
            load_start(model, config, folder.classes, watcher.note)
    # Until here there is nothing to keep, and Ctrl-C just ends it.
    with ExitStack() as held:
        stop = held.enter_context(StopRequest())

        def open_folder() -> None:
            held.enter_context(lock_folder(make_folder(out.path)))
            if not resume:
                out.create(config, folder)
            remove_leftovers(out.path)

        team.by_lead(open_folder)
        run = _Run(config, folder, out, model, memory, teachers, compute, spec, stop, watcher, features, team)
        if restarts:
            run.restore(team.by_lead(lambda: find_checkpoint(out, config, folder, run.kept, force=force)))
        else:
            run.place.epoch = start_epoch
        return run.go()


class _Run:
    """One run in memory. Methods in the order in which they happen."""

    def __init__(
        self,
        config: TrainConfig,
        folder: PhotoFolder,
        out: RunFolder,
        model: Classifier,
        memory: Memory | None,
        teachers: Teachers | None,
        compute: Compute,
        spec: PreprocessSpec,
        stop: StopRequest,
        watcher: Watcher,
        features: Path | None,
        team: Team,
    ) -> None:
        self.config, self.recipe, self.folder, self.out = config, config.recipe, folder, out
        self.memory, self.teachers, self.compute, self.spec = memory, teachers, compute, spec
        self.stop, self.watcher, self.features, self.team = stop, watcher, features, team
        self.model = model.to(memory_format=compute.layout).to(compute.device)
        team.copy_from_lead(self.model)
        if self.recipe.batch_norm == "synced" and not team.alone:
            self.model.backbone = convert_sync_batchnorm(self.model.backbone)
        self.frozen, _ = split_backbone(self.model.backbone, self.recipe.trained_stages)
        self.frozen.requires_grad_(False)
        self.learner = create_learner(self.model, self.recipe, attn_in_blocks=config.model.attn_in_blocks)
        self.kept = " ".join(digest_tensors(known.state_dict()) for known in (memory, teachers) if known is not None)
        self.learnt = take_shots(folder, self.recipe.shots, config.seed)
        self.keeper = Keeper(out, config, folder, spec, self.learner, self.kept, writes=team.leads)
        self.classes = folder.classes
        self.place = Place()
        self.started = self.saved = time.perf_counter()

    @property
    def deployed(self) -> Classifier:
        """The network that is evaluated and kept."""
        return self.learner.deployed

    def restore(self, found: Found) -> None:
        """Goes back to where a checkpoint was written.

        Raises:
            RecycleNetError: it is of another network.
        """
        for text in found.passed_over:
            self.watcher.note(f"passed over: {text}")
        before = found.config.recipe if found.config is not None and found.changed else None
        self.learner.restore(found.checkpoint, found.state, str(found.path), before)
        self.place = found.place if found.keeps_epoch else found.place.restarted()
        if found.changed:
            self.watcher.note(f"this run goes on, but not as it was started: {'; '.join(found.changed)}")
            if self.team.leads:
                self.out.write_config(self.config)
                write_inventory(self.out.inventory, self.folder)
        else:
            self.keeper.go_on(found.checkpoint.description)
        if found.passed_over and self.team.leads:
            self.watcher.note("going on from the checkpoint before it")
            self.out.go_back()

    def go(self) -> TrainResult:
        """Trains to the end of the last epoch, or until asked to stop."""
        if self.place.epoch >= self.recipe.epochs:
            self.watcher.note(f"this run is complete: {self.recipe.epochs} of {self.recipe.epochs} epochs")
            self.tidy()
            return self.result()
        self.watcher.note(
            f"training {self.config.model.arch} on {self.compute}{self.team}: "
            f"{len(self.learnt.split('train'))} photos, {len(self.classes)} classes, {self.recipe.epochs} epochs"
        )
        if self.config.compile:
            whole = len(self.learnt.split("train")) >= self.recipe.batch_size
            self.watcher.note(
                "the first step compiles the network, which takes about a minute"
                if whole
                else "nothing is compiled: there are fewer photos than a batch has"
            )
        self.save_last()  # a stop at any time from here on finds something to resume from
        try:
            with explained_readers(), closing(self.source()) as source:
                updater = Updater(
                    self.learner,
                    source,
                    self.memory,
                    self.teachers,
                    self.compute,
                    self.team,
                    self._check_number,
                    compiled=self.config.compile,
                )
                if self.place.updates == 0 and (self.recipe.start == "probe" or self.config.init):
                    self.start(source)
                with self.board() as board:
                    while self.place.epoch < self.recipe.epochs:
                        self.train_epoch(source, updater)
                        self.finish_epoch(source, board)
        except RunStopped:
            self.save_last()
            return self.result(self.stop.signal_number)
        self.tidy()
        return self.result()

    def tidy(self) -> None:
        """Removes what only a run that goes on would need; the last checkpoint stays."""
        if not self.team.leads:
            return
        self.out.before_last.unlink(missing_ok=True)
        if self.features is None:
            FeatureCache(self.out.features).remove()

    def source(self) -> Source:
        """Batches: photos, or the features of the stages that stay as they are."""
        total = sum(len(self.learnt.split(split)) for split in ("train", "val"))
        unreadable = Unreadable(self.place.unreadable, self.config.max_unreadable, total, self.watcher.note)
        if self.config.photos == "device":
            return HeldSource(
                self.config, self.learnt, self.spec, self.compute, unreadable, self.stop, self.watcher, self.team
            )
        if not self.recipe.caches_features:
            return PhotoSource(self.config, self.learnt, self.spec, unreadable, self.team)
        cache = self.features or self.out.features
        clock = time.perf_counter()
        source = compute_features(
            self.config,
            self.learnt,
            self.spec,
            self.model,
            self.compute,
            cache,
            self.stop,
            self.watcher,
            unreadable,
            self.team,
        )
        self.place.features += time.perf_counter() - clock
        return source

    def start(self, source: Source) -> None:
        """The network before its first step, kept as `start.safetensors`.

        With the recipe's "probe" the head is the best one for the features as they are, unless it came with `init`.
        """
        if self.recipe.start == "probe" and not starts_with_head(self.config, self.classes):
            self.watcher.note("fitting the head to the features")
            probe_head(self.model, source, self.compute, self.stop, self.team)
            if self.learner.ema is not None:
                self.learner.ema.set(self.model)
        self.keeper.start(self.place)

    def train_epoch(self, source: Source, updater: Updater) -> None:
        """The rest of the epoch, from the place on."""
        place, recipe = self.place, self.recipe
        set_training(self.model, self.frozen, recipe)
        clock = time.perf_counter()  # waiting for photos counts
        for inputs, targets in source.train_batches(place.epoch, place.step):
            self.team.check(self.stop)
            counts = self.team.counts(len(targets))
            photos = sum(counts)
            if photos < min(2, recipe.batch_size):  # the others could not be read; statistics of one mean nothing
                place.step += 1
                continue
            waited = time.perf_counter() - clock
            # A resumed run must mix and drop as an unbroken one would: each step has a seed of its own.
            torch.manual_seed(derive_seed(self.config.seed, place.epoch, place.step, 2))
            factor = lr_factor(recipe, place.epoch + place.step / source.steps)
            set_lr(self.learner.optimizer, factor)
            loss, correct = updater.update(inputs, targets, counts, place.updates)
            place.updates += 1
            seconds = time.perf_counter() - clock
            clock += seconds
            step = Step(place.epoch, place.step, recipe.epochs, source.steps, loss, correct, photos, seconds, waited)
            place.step += 1
            place.seen += photos
            place.correct += correct
            place.loss_sum += loss * photos
            place.seconds += seconds
            self.watcher.step(step)
            if time.perf_counter() - self.saved >= self.config.checkpoint_every:
                self.save_last()
                clock = time.perf_counter()
        if not place.seen:
            raise RecycleNetError(f"no photo of {self.config.data} could be trained on in epoch {place.epoch + 1}")

    def _check_number(self, what: str, value: float, when: str = "in") -> None:
        if not math.isfinite(value):
            raise RecycleNetError(
                f"the {what} became {value} {when} epoch {self.place.epoch + 1}, step {self.place.step + 1}: try a "
                f"lower --lr in a new run, or with --resume --force from the checkpoint before it, {self.out.last}"
            )

    def board(self) -> AbstractContextManager[SummaryWriter | None]:
        """TensorBoard's file, of the process that writes."""
        if not self.team.leads:
            return nullcontext()
        return SummaryWriter(self.out.tensorboard, purge_step=self.place.epoch + 1)

    def finish_epoch(self, source: Source, board: SummaryWriter | None) -> None:
        """Validates, keeps the best, writes everything down."""
        place = self.place
        logits, targets = predict_logits(source, self.deployed, self.compute, self.team)
        correct, total = accuracy_counts(logits, targets)
        val_loss = mean_nll(logits, targets)
        self._check_number("val loss", val_loss, "before")
        row: Row = {
            "epoch": place.epoch + 1,
            "lr": self.recipe.lr * lr_factor(self.recipe, place.epoch + (place.step - 1) / source.steps),
            "train_loss": place.loss_sum / place.seen,
            "train_accuracy": place.correct / place.seen,
            "val_loss": val_loss,
            "val_accuracy": correct / total,
            "val_correct": correct,
            "val_total": total,
            "images_per_second": place.seen / place.seconds if place.seconds else 0.0,
            "elapsed_s": self.elapsed(),
        }
        is_best = place.best is None or rank(row, self.recipe.best_by) > rank(place.best, self.recipe.best_by)
        self.place = place.after(row, row if is_best else place.best)
        self.keeper.epoch(self.place, row, board, best=is_best)
        self.save_last()  # at the end: what was killed before it is done once more, and comes out the same
        self.watcher.epoch(row, self.recipe.epochs, is_best)

    def result(self, stopped_by: int | None = None) -> TrainResult:
        """How the run ended; a signal that came too late to stop anything does not count."""
        return TrainResult(self.place.best, self.place.epoch, stopped_by, self.elapsed(), self.place.features)

    def elapsed(self) -> float:
        """Seconds of work in this run so far, those before a resume included."""
        return self.place.elapsed + time.perf_counter() - self.started

    def save_last(self) -> None:
        """All that a run needs to go on, by the first process.

        Raises:
            RecycleNetError: it cannot be written, or the weights are ruined; the last one stays as it is.
        """
        if self.team.leads and (ruined := self.learner.not_finite()) is not None:
            self._check_number(f"tensor {ruined}", math.nan, "before")
        self.keeper.last(replace(self.place, elapsed=self.elapsed()))
        self.saved = time.perf_counter()
