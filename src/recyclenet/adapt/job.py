"""`recyclenet adapt`: see the photos, measure on held-out ones, learn from all of them, write one file."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

import recyclenet
from recyclenet.adapt.memory import REMEMBERED
from recyclenet.adapt.onnx_head import Head, open_graph, read_head, write_head
from recyclenet.adapt.photos import Progress, check_classes, see_photos
from recyclenet.adapt.recalibrate import recalibrate
from recyclenet.adapt.result import Adaptation, AdaptSettings, ClassGain, Kept
from recyclenet.adapt.study import study
from recyclenet.atomic import replace_file
from recyclenet.data.folder import PhotoFolder
from recyclenet.data.splits import PhotoRecord, seeded_key
from recyclenet.description import ModelDescription
from recyclenet.errors import RecycleNetError
from recyclenet.evaluate import evaluate, exported_model
from recyclenet.predictor import Predictor, read_model

MOST_PHOTOS = 2000
"""With more there is enough to train on; and learning would not stay a matter of seconds."""

_MOST_ROWS = 1600  # views in all
_CHECKED = 2  # photos on which the written file is compared with the new head
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class _Old:
    """The model as it was."""

    name: str
    graph: onnx.ModelProto
    head: Head
    predictor: Predictor

    @property
    def description(self) -> ModelDescription:
        return self.predictor.description


@dataclass(frozen=True)
class _Replay:
    """Features of old photos: some of train to learn from, all of val to see what is forgotten."""

    data: str
    train: NDArray[np.float32]
    val: NDArray[np.float32] | None
    val_targets: NDArray[np.int64] | None


def adapt(
    model: str | Path | None,
    out: str | Path,
    folder: PhotoFolder,
    *,
    replay: PhotoFolder | None = None,
    settings: AdaptSettings | None = None,
    on_progress: Progress | None = None,
) -> Adaptation:
    """Writes `out`, the model with a head that has learnt the folder's photos.

    Every photo is held out once to measure the gain, whatever split the folder has; the head that is written has
    learnt from all of them. Classes that the model does not know come after those that it knows.

    Args:
        model: an exported .onnx file; the bundled model by default.
        out: ends in .onnx.
        folder: the photos, in class folders.
        replay: old photos, with a train split to be remembered by and a val split to measure what is forgotten.
        settings: how.
        on_progress: told (what is done, so much, of so much).

    Raises:
        RecycleNetError: a model that cannot be adapted, too few or too many photos, too many broken ones, or a
            class whose name differs from one of the model's in case alone: then nothing is written.
    """
    started = time.perf_counter()
    settings, told = settings or AdaptSettings(), on_progress or (lambda *_: None)
    if Path(out).suffix != ".onnx":
        raise RecycleNetError(f"the file to write must end in .onnx, not {Path(out).name!r}")
    old = _open(model)
    records = folder.split("all")
    classes = _all_classes(old.description.classes, records, folder.root)
    remembered = None if replay is None else _replay(old, replay, settings.seed, told)
    views = max(1, min(settings.views, _MOST_ROWS // len(records)))
    seen = see_photos(
        old.predictor, folder, records, count=views, seed=settings.seed, on_progress=lambda *at: told("photos", *at)
    )
    calibration = old.description.calibration
    found = study(
        old.head,
        classes,
        seen,
        unknown=None if calibration is None else calibration.unknown,
        replayed=None if remembered is None else remembered.train,
        settings=settings,
        told=told,
    )
    plain, logits, targets = seen.features[:, 0], found.held_out.logits, found.targets
    calibration, said = recalibrate(calibration, logits, plain, targets, folder.fingerprint())
    before = old.head.logits(plain).argmax(axis=1) == targets
    after = logits.argmax(axis=1) == targets
    known = targets < len(old.head.bias)
    adaptation = Adaptation(
        path=str(out),
        source=old.name,
        classes=classes,
        per_class=tuple(
            ClassGain(
                label=classes[place],
                total=int((targets == place).sum()),
                before=int(before[targets == place].sum()),
                after=int(after[targets == place].sum()),
                is_new=bool(place >= len(old.head.bias)),
            )
            for place in np.unique(targets)
        ),
        better=int((after & ~before)[known].sum()),
        worse=int((before & ~after)[known].sum()),
        pull=found.held_out.pull,
        remembered=found.remembered,
        kept=None if remembered is None else _kept(remembered, old.head, found.head),
        calibration=said,
        alike=found.alike,
        skipped=seen.skipped,
        seconds=time.perf_counter() - started,
    )
    description = replace(
        _described(old.description, folder, adaptation, views, settings), classes=classes, calibration=calibration
    )
    data = write_head(old.graph, found.head, description, old.name)
    images = np.stack(
        [old.predictor.preprocess.normalize(old.predictor.view(folder.root / r.path)) for r in seen.records[:_CHECKED]]
    )
    _write_checked(data, out, found.head, plain[:_CHECKED], images)
    return replace(adaptation, seconds=time.perf_counter() - started)


def _open(model: str | Path | None) -> _Old:
    predictor = Predictor(model)
    if not predictor.has_features:
        raise RecycleNetError(
            f"{predictor.name} gives no features to learn on: export the checkpoint again with this version"
        )
    graph = open_graph(read_model(model), predictor.name)
    return _Old(predictor.name, graph, read_head(graph, predictor.name), predictor)


def _all_classes(known: tuple[str, ...], records: Sequence[PhotoRecord], root: Path) -> tuple[str, ...]:
    """The model's classes, then new ones in alphabetical order; checks what can be before anything takes long."""
    if len(records) > MOST_PHOTOS:
        raise RecycleNetError(
            f"{root} has {len(records)} photos, adapting takes {MOST_PHOTOS} at most: use 'recyclenet train' instead"
        )
    labels = [record.label for record in records]
    check_classes(labels, set(labels), str(root))
    new = sorted(set(labels) - set(known))
    alike = {name.casefold(): name for name in known}
    for name in new:
        if name.casefold() in alike:
            raise RecycleNetError(
                f"the class folder {name} in {root} differs from the model's {alike[name.casefold()]} in case alone: "
                "rename it if they are the same"
            )
    return (*known, *new)


def _replay(old: _Old, folder: PhotoFolder, seed: int, told: Progress) -> _Replay:
    """Features of the old photos, in the views that the model answers with."""
    train = sorted(folder.split("train"), key=lambda record: seeded_key(seed, record.path))[:REMEMBERED]
    model = exported_model(old.predictor)
    some = PhotoFolder(folder.root, tuple(sorted(train)), is_split=True)
    learnt = evaluate(model, some, "train", on_progress=lambda *at: told("old train photos", *at))
    if not any(record.split == "val" for record in folder.records):
        return _Replay(learnt.data, _given(learnt.features), None, None)
    val = evaluate(model, folder, "val", on_progress=lambda *at: told("old val photos", *at))
    return _Replay(learnt.data, _given(learnt.features), _given(val.features), val.targets)


def _given(features: NDArray[np.float32] | None) -> NDArray[np.float32]:
    if features is None:
        raise RecycleNetError("the model gives no features")  # _open has refused it
    return features


def _kept(replayed: _Replay, old: Head, new: Head) -> Kept | None:
    if replayed.val is None or replayed.val_targets is None:
        return None
    before, after = (head.logits(replayed.val).argmax(axis=1) == replayed.val_targets for head in (old, new))
    return Kept(
        data=replayed.data,
        total=len(before),
        before=int(before.sum()),
        after=int(after.sum()),
        better=int((after & ~before).sum()),
        worse=int((before & ~after).sum()),
    )


def _described(
    old: ModelDescription, folder: PhotoFolder, adaptation: Adaptation, views: int, settings: AdaptSettings
) -> ModelDescription:
    """What the file says of itself: the old model's val figures are of another head, and go."""
    total, before, after = adaptation.counts(known_only=False)
    quantization = old.quantization
    if quantization:
        quantization = {**quantization, "floats": f"{quantization.get('floats', '')} adapted head".strip()}
    return replace(
        old,
        metrics={"adapted_held_out_correct": after, "adapted_held_out_total": total, "adapted_from_correct": before},
        data={
            **old.data,
            "adapted_name": folder.root.resolve().name,
            "adapted_fingerprint": folder.fingerprint(),
        },
        training={
            **old.training,
            "adapted_photos": total,
            "adapted_views": views,
            "adapted_pull": adaptation.pull,
            "adapted_seed": settings.seed,
            "adapted_memory": adaptation.remembered,
            "adapted_calibration": adaptation.calibration,
        },
        version=recyclenet.__version__,
        quantization=quantization,
    )


def _write_checked(
    data: bytes, out: str | Path, head: Head, features: NDArray[np.float32], images: NDArray[np.float32]
) -> None:
    """Writes the file and, before it takes its name, asks it: its answers must be the new head's."""
    with replace_file(out) as temporary:
        temporary.write_bytes(data)
        found = Predictor(temporary).outputs(images)
        wanted = head.logits(features)
        gap = max(
            float(np.abs(found.logits - wanted).max()),
            float(np.abs(found.evidence.mean(axis=(2, 3)) - wanted).max()),
        )
        if not gap <= _TOLERANCE * max(1.0, float(np.abs(wanted).max())):  # NaN fails too
            raise RecycleNetError(f"the adapted file answers otherwise than the head that was learnt, by {gap:.2g}")
