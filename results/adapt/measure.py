"""Measures `recyclenet adapt` with a few web photos a class against the rest of them, and what TrashNet test loses.

python results/adapt/measure.py TRASHNET WEB_PHOTOS [MODEL]
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recyclenet.adapt.memory import REMEMBERED
from recyclenet.adapt.onnx_head import Head, open_graph, read_head
from recyclenet.adapt.photos import SeenPhotos, see_photos
from recyclenet.adapt.result import AdaptSettings
from recyclenet.adapt.study import study
from recyclenet.data.folder import PhotoFolder, labelled_photos, open_photo_folder
from recyclenet.data.splits import PhotoRecord, seeded_key
from recyclenet.evaluate import evaluate, exported_model
from recyclenet.predictor import Predictor, read_model

DRAWS = (1, 2, 3, 4, 5)
SIZES = (5, 10, 20)
# What counts as right for each folder.
FOLDERS = {
    "glass": ("glass",),
    "metal": ("metal",),
    "paper_or_cardboard": ("paper", "cardboard"),
    "plastic": ("plastic",),
}
STRANGE = "unknown"  # textiles, wood and food: a new class in one of the experiments
NEW_CLASS = "textile_wood_food"
SETTINGS = AdaptSettings()
MARKS = ("<!-- measured -->", "<!-- end -->")

Features = dict[str, NDArray[np.float32]]  # by path


def see(predictor: Predictor, root: Path, paths: list[str], views: int) -> tuple[Features, float]:
    """Features (views, C) of every photo, and the seconds that one took."""
    records = tuple(PhotoRecord(path, path.split("/")[0], "train") for path in sorted(paths))
    started = time.perf_counter()
    quiet = lambda *_: None  # noqa: E731
    seen = see_photos(predictor, PhotoFolder(root, records, False), records, count=views, seed=1234, on_progress=quiet)
    taken = (time.perf_counter() - started) / len(records)
    return {record.path: rows for record, rows in zip(seen.records, seen.features, strict=True)}, taken


class Bench:
    """One model with everything that it is measured on."""

    def __init__(self, trashnet: str, web: str, model: str | None) -> None:
        self.predictor = Predictor(model)
        self.classes = self.predictor.classes
        self.head = read_head(open_graph(read_model(model), self.predictor.name), self.predictor.name)
        calibration = self.predictor.description.calibration
        self.unknown = None if calibration is None else calibration.unknown
        by_folder: dict[str, list[str]] = {}
        for path, folder in labelled_photos(Path(web)):
            by_folder.setdefault(folder, []).append(path)
        self.photos = {name: sorted(by_folder[name]) for name in (*FOLDERS, STRANGE)}
        most = {name: SIZES[-1] if name in FOLDERS else 10 for name in self.photos}
        drawn = {path for seed in DRAWS for name, count in most.items() for path in self.order(name, seed)[:count]}
        self.views, self.seconds_a_photo = see(self.predictor, Path(web), sorted(drawn), SETTINGS.views)
        rest = [path for paths in self.photos.values() for path in paths if path not in drawn]
        self.plain = {path: rows[0] for path, rows in (self.views | see(self.predictor, Path(web), rest, 1)[0]).items()}
        self._read_trashnet(open_photo_folder(trashnet))

    def _read_trashnet(self, folder: PhotoFolder) -> None:
        model = exported_model(self.predictor)
        test = evaluate(model, folder, "test")
        train = sorted(folder.split("train"), key=lambda record: seeded_key(SETTINGS.seed, record.path))[:REMEMBERED]
        self.replayed = evaluate(model, PhotoFolder(folder.root, tuple(sorted(train)), True), "train").features
        self.test_features, self.test_targets = test.features, test.targets

    def order(self, folder: str, seed: int) -> list[str]:
        """A folder's photos as they are drawn: 10 photos are the first 10 of 20."""
        return [self.photos[folder][i] for i in np.random.default_rng(seed).permutation(len(self.photos[folder]))]

    def draw(self, size: int, seed: int, *, new_class: bool) -> tuple[SeenPhotos, list[str]]:
        """Photos to learn from, and the paths of all others of these folders."""
        records, left = [], []
        for folder in (*FOLDERS, *([STRANGE] if new_class else [])):
            order = self.order(folder, seed)
            left += order[size:]
            records += [PhotoRecord(path, self.label(path), "train") for path in order[:size]]
        return SeenPhotos(tuple(records), np.stack([self.views[r.path] for r in records]), ()), left

    def label(self, path: str) -> str:
        """The class that a photo is shown as; of two that its folder allows, the one the model finds likelier."""
        folder = path.split("/")[0]
        if folder == STRANGE:
            return NEW_CLASS
        scores = self.head.logits(self.plain[path][None])[0]
        return max(FOLDERS[folder], key=lambda name: scores[self.classes.index(name)])

    def percent(self, head: Head, paths: list[str], classes: tuple[str, ...]) -> float:
        """Of these photos, how many are answered right."""
        answers = head.logits(np.stack([self.plain[path] for path in paths])).argmax(axis=1)
        allowed = FOLDERS | {STRANGE: (NEW_CLASS,)}
        return 100 * float(
            np.mean([classes[k] in allowed[path.split("/")[0]] for k, path in zip(answers, paths, strict=True)])
        )

    def test(self, head: Head) -> int:
        """Of TrashNet's test photos, how many are answered right."""
        return int((head.logits(self.test_features).argmax(axis=1) == self.test_targets).sum())


def measure(bench: Bench, size: int, seed: int, memory: str, *, new_class: bool = False) -> dict[str, float]:
    """One draw."""
    seen, left = bench.draw(size, seed, new_class=new_class)
    classes = (*bench.classes, NEW_CLASS) if new_class else bench.classes
    started = time.perf_counter()
    found = study(
        bench.head,
        classes,
        seen,
        unknown=bench.unknown if memory == "imagined" else None,
        replayed=bench.replayed if memory == "replay" else None,
        settings=AdaptSettings(seed=seed),
    )
    seconds = time.perf_counter() - started + bench.seconds_a_photo * len(seen.records)
    known = [path for path in left if not path.startswith(STRANGE)]
    result = {
        "before": bench.percent(bench.head, known, bench.classes),
        "after": bench.percent(found.head, known, classes),
        "held_out": 100 * float((found.held_out.logits.argmax(axis=1) == found.targets).mean()),
        "test_before": bench.test(bench.head),
        "test_after": bench.test(found.head),
        "pull": found.held_out.pull,
        "seconds": seconds,
    }
    if new_class:
        strangers = [path for path in left if path.startswith(STRANGE)]
        result["new_recall"] = bench.percent(found.head, strangers, classes)
    return result | {"gain": result["after"] - result["before"]}


def spread(values: list[float]) -> str:
    """Mean ± standard deviation."""
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"


def main(trashnet: str, web: str, model: str | None = None) -> None:
    """Prints the table, puts it between the marks of README.md, and writes all figures to scores.json."""
    bench, here = Bench(trashnet, web, model), Path(__file__).parent
    runs = {
        **{f"{size} a class": (size, "imagined", False) for size in SIZES},
        "10 a class, `--replay`": (10, "replay", False),
        "10 a class, nothing remembered": (10, "nothing", False),
        f"10 a class and 10 of a new one, {NEW_CLASS}": (10, "imagined", True),
    }
    names = ("before", "after", "gain", "held_out", "test_before", "test_after", "new_recall", "seconds")
    total = len(bench.test_targets)
    lines = [
        "| photos learnt from | web before, % | web after, % | gain, points | held out said, % | "
        f"TrashNet test before, of {total} | after | new class found, % | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    table = {}
    for name, (size, memory, new_class) in runs.items():
        draws = [measure(bench, size, seed, memory, new_class=new_class) for seed in DRAWS]
        table[name] = {key: [draw[key] for draw in draws] for key in draws[0]}
        cells = [spread(table[name][key]) if key in table[name] else "" for key in names]
        cells[4] = str(table[name]["test_before"][0])
        lines.append(f"| {name} | {' | '.join(cells)} |")
    sys.stdout.write("\n".join(lines) + "\n")
    readme = here / "README.md"
    top, _, rest = readme.read_text(encoding="utf-8").partition(MARKS[0])
    bottom = rest.partition(MARKS[1])[2]
    readme.write_text("\n".join([top + MARKS[0], *lines, MARKS[1] + bottom]), encoding="utf-8")
    (here / "scores.json").write_text(json.dumps({"model": bench.predictor.name, "runs": table}, indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
