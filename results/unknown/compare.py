"""Compares unknown scores on made-up unknowns and on classes left out (to choose by), then on web photos (to report).

python results/unknown/compare.py TRASHNET WEB_PHOTOS WEIGHTS [MODEL]

WEIGHTS are the pretrained ones with their ImageNet head; MODEL is the bundled one unless given.
"""

import json
import sys
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from made_up import KNOWN, UNKNOWN
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression

from recyclenet import Predictor, load_photo
from recyclenet.data.folder import PhotoFolder, find_photos, open_photo_folder
from recyclenet.metrics import softmax
from recyclenet.models.pretrained import read_state_dict
from recyclenet.selective import auroc, false_positive_rate

Floats = NDArray[np.float64]
Photos = dict[str, NDArray[np.float32]]  # logits (n, K), cam (n, K, h, w), features (n, C), targets (n,)
Score = Callable[[Photos], Floats]
FEW = 328  # photos that each kind of made-up picture is made from


def outputs(predictor: Predictor, photos: Iterable[Image.Image], targets: NDArray[np.int64] | None = None) -> Photos:
    """What the model says of photos, one at a time."""
    rows = [predictor.outputs(predictor.preprocess(photo)[None]) for photo in photos]
    found = {
        name: np.concatenate([getattr(row, key) for row in rows])
        for name, key in (("logits", "logits"), ("cam", "evidence"), ("features", "features"))
    }
    return found | ({} if targets is None else {"targets": targets})


def pick(photos: Photos, rows: NDArray[np.bool_], classes: list[int] | None = None) -> Photos:
    """Some rows; and only some classes' logits and maps."""
    found = {name: values[rows] for name, values in photos.items()}
    return found if classes is None else found | {name: found[name][:, classes] for name in ("logits", "cam")}


def join(parts: list[Photos]) -> Photos:
    """Several sets of photos as one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def split_with_made_up(
    predictor: Predictor, folder: PhotoFolder, split: str
) -> tuple[Photos, list[Photos], dict[str, Photos]]:
    """The split, its photos seen otherwise, and unknowns made from it."""
    records = folder.split(split)
    targets = np.array([predictor.classes.index(record.label) for record in records])
    load = lambda place: load_photo(folder.root / records[place].path, min_side=256)  # noqa: E731
    whole = outputs(predictor, (load(place) for place in range(len(records))), targets)
    chosen = np.random.default_rng(5).permutation(len(records))[:FEW]
    photos = [load(place) for place in chosen]
    known, unknown = [], {}
    for name, see in KNOWN.items():
        rng = np.random.default_rng(zlib.crc32(f"{split} {name}".encode()))
        known.append(outputs(predictor, (see(photo, rng) for photo in photos), targets[chosen]))
    for name, make in UNKNOWN.items():
        rng = np.random.default_rng(zlib.crc32(f"{split} {name}".encode()))
        others = [rng.choice(np.flatnonzero(targets[chosen] != targets[place])) for place in chosen]
        made = (make(photo, photos[other], rng) for photo, other in zip(photos, others, strict=True))
        unknown[name] = outputs(predictor, made, targets[chosen])
    return whole, known, unknown


def energy(photos: Photos) -> Floats:
    """Minus the logarithm of the summed exponentials of the logits (https://arxiv.org/abs/2010.03759)."""
    logits = photos["logits"].astype(float)
    peak = logits.max(axis=1)
    return -(peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1)))


def principal(features: NDArray[np.float32], count: int) -> Floats:
    """The directions of largest spread, as columns."""
    centred = features - features.mean(axis=0)
    return np.linalg.eigh((centred.T @ centred).astype(float))[1][:, ::-1][:, :count]


def mahalanobis(train: Photos, count: int, *, relative: bool = False) -> Score:
    """Squared distance to the nearest class centre in the principal plane (https://arxiv.org/abs/1807.03888)."""
    plane, mean = principal(train["features"], count), train["features"].mean(axis=0)
    points, targets = (train["features"] - mean) @ plane, train["targets"]
    centres = [points[targets == label].mean(axis=0) for label in np.unique(targets)]
    inner = np.concatenate(
        [points[targets == label] - centre for label, centre in zip(np.unique(targets), centres, strict=True)]
    )

    def inverse(values: Floats) -> Floats:
        covariance = np.cov(values.T)
        return np.linalg.inv(0.95 * covariance + 0.05 * np.trace(covariance) / count * np.eye(count))

    within, whole = inverse(inner), inverse(points)
    squared = lambda gaps, matrix: np.einsum("ni,ij,nj->n", gaps, matrix, gaps)  # noqa: E731

    def score(photos: Photos) -> Floats:
        found = (photos["features"] - mean) @ plane
        nearest = np.min([squared(found - centre, within) for centre in centres], axis=0)
        return nearest - squared(found, whole) if relative else nearest

    return score


def neighbours(train: Photos, k: int = 10) -> Score:
    """Minus the cosine to the k-th nearest training photo (https://arxiv.org/abs/2204.06507)."""
    unit = lambda values: values / np.linalg.norm(values, axis=1, keepdims=True)  # noqa: E731
    stored = unit(train["features"])
    return lambda photos: -np.partition(unit(photos["features"]) @ stored.T, -k, axis=1)[:, -k].astype(float)


def class_means(train: Photos) -> Score:
    """Minus the cosine to the nearest of the classes' mean directions, as `recyclenet calibrate` fits them."""
    unit = lambda values: values / np.linalg.norm(values, axis=1, keepdims=True)  # noqa: E731
    directions, targets = unit(train["features"]), train["targets"]
    means = unit(np.stack([directions[targets == label].mean(axis=0) for label in np.unique(targets)]))
    return lambda photos: -(unit(photos["features"]) @ means.T).max(axis=1).astype(float)


def residual(train: Photos, count: int = 64) -> Score:
    """Length of what lies beside the principal plane."""
    plane, mean = principal(train["features"], count), train["features"].mean(axis=0)

    def score(photos: Photos) -> Floats:
        centred = photos["features"] - mean
        return np.linalg.norm(centred - (centred @ plane) @ plane.T, axis=1)

    return score


def vim(train: Photos) -> Score:
    """Virtual-logit matching (https://arxiv.org/abs/2203.10807)."""
    rest = residual(train)
    alpha = train["logits"].max(axis=1).mean() / rest(train).mean()
    return lambda photos: alpha * rest(photos) + energy(photos)


def exposure(known: Photos, unknown: list[Photos]) -> Score:
    """A logistic regression on features that tells known photos from made-up unknowns."""
    strange = join(unknown)["features"]
    mean, deviation = known["features"].mean(axis=0), known["features"].std(axis=0) + 1e-6
    rows = (np.concatenate([known["features"], strange]) - mean) / deviation
    model = LogisticRegression(C=1e-4, max_iter=60, class_weight="balanced")
    model.fit(rows, np.repeat([0, 1], [len(known["features"]), len(strange)]))
    return lambda photos: ((photos["features"] - mean) / deviation) @ model.coef_[0]


def familiarity(train: Photos, head: tuple[Floats, Floats], rank: int, temperature: float = 2.0) -> Score:
    """How unlike the ImageNet answers to training photos those to a photo are: minus log of their inner product."""
    weight, bias = head
    if rank:
        left, sizes, right = np.linalg.svd(weight, full_matrices=False)
        weight = (left[:, :rank] * sizes[:rank]) @ right[:rank]

    def answers(photos: Photos) -> Floats:
        return softmax((photos["features"] @ weight.T + bias) / temperature)

    usual = answers(train).mean(axis=0)
    return lambda photos: -np.log(answers(photos) @ usual)


def all_scores(
    head: tuple[Floats, Floats], train: Photos, shifted: list[Photos], unknown: list[Photos]
) -> dict[str, Score]:
    """Every candidate by name, fitted; the higher, the stranger."""
    known = join([train, *shifted])
    scores: dict[str, Score] = {
        "maximum softmax": lambda photos: -softmax(photos["logits"]).max(axis=1),
        "maximum logit": lambda photos: -photos["logits"].max(axis=1).astype(float),
        "energy": energy,
        "evidence map, maximum": lambda photos: -photos["cam"].max(axis=(1, 2, 3)).astype(float),
        "Mahalanobis, 64 dimensions": mahalanobis(train, 64),
        "Mahalanobis, 128 dimensions": mahalanobis(train, 128),
        "relative Mahalanobis, 64": mahalanobis(train, 64, relative=True),
        "relative Mahalanobis, 128": mahalanobis(train, 128, relative=True),
        "10th neighbour": neighbours(train),
        "class means": class_means(train),
        "residual, 64": residual(train),
        "ViM, 64": vim(train),
        "exposure": exposure(known, unknown),
        "ImageNet answers": familiarity(train, head, 0),
        "ImageNet answers, rank 128": familiarity(train, head, 128),
        "ImageNet answers, rank 96": familiarity(train, head, 96),
        "ImageNet answers, rank 64": familiarity(train, head, 64),
        "ImageNet answers, rank 96, of shifted photos too": familiarity(known, head, 96),
    }
    alike = {}
    for name in ("energy", "ViM, 64", "exposure", "ImageNet answers, rank 96", "10th neighbour", "class means"):
        values = scores[name](known)
        alike[name] = (scores[name], values.mean(), values.std())

    def total(*names: str) -> Score:
        parts = [alike[name] for name in names]
        return lambda photos: np.sum([(one(photos) - mean) / spread for one, mean, spread in parts], axis=0)

    scores["ViM + energy"] = total("ViM, 64", "energy")
    scores["exposure + ViM"] = total("exposure", "ViM, 64")
    scores["exposure + ViM + energy"] = total("exposure", "ViM, 64", "energy")
    scores["ImageNet answers + ViM"] = total("ImageNet answers, rank 96", "ViM, 64")
    scores["ImageNet answers + energy"] = total("ImageNet answers, rank 96", "energy")
    scores["ImageNet answers + ViM + energy"] = total("ImageNet answers, rank 96", "ViM, 64", "energy")
    scores["10th neighbour + energy"] = total("10th neighbour", "energy")
    scores["10th neighbour + ViM"] = total("10th neighbour", "ViM, 64")
    scores["class means + energy"] = total("class means", "energy")
    scores["class means + ViM"] = total("class means", "ViM, 64")
    scores["class means + ViM + energy"] = total("class means", "ViM, 64", "energy")
    scores["class means + 10th neighbour + energy"] = total("class means", "10th neighbour", "energy")
    return scores


def main(trashnet: str, web: str, weights: str, model: str | None = None) -> None:
    """Writes scores.json beside this file."""
    predictor, folder, here = Predictor(model), open_photo_folder(trashnet), Path(__file__).parent
    tensors = read_state_dict(weights)
    head = (tensors["classifier.weight"].double().numpy(), tensors["classifier.bias"].double().numpy())
    train, train_known, train_unknown = split_with_made_up(predictor, folder, "train")
    val, val_known, val_unknown = split_with_made_up(predictor, folder, "val")
    seen = join([val, *val_known])
    table: dict[str, dict[str, float]] = {}

    made_up: dict[str, list[float]] = {}
    for kind, strange in val_unknown.items():  # a kind is never among those that exposure learnt from
        others = [photos for name, photos in train_unknown.items() if name != kind]
        for name, score in all_scores(head, train, train_known, others).items():
            made_up.setdefault(name, []).append(auroc(score(strange), score(seen)))
    left_out: dict[str, list[float]] = {}
    for place in range(len(predictor.classes)):
        kept = [other for other in range(len(predictor.classes)) if other != place]
        without = lambda photos: pick(photos, photos["targets"] != place, kept)  # noqa: B023, E731
        strange = pick(seen, seen["targets"] == place, kept)
        known = without(seen)
        unknown = [pick(photos, photos["targets"] >= 0, kept) for photos in train_unknown.values()]
        parts = [without(part) for part in train_known]
        for name, score in all_scores(head, without(train), parts, unknown).items():
            left_out.setdefault(name, []).append(auroc(score(strange), score(known)))

    load = lambda name: outputs(  # noqa: E731
        predictor, (load_photo(path, min_side=256) for path in find_photos(Path(web) / name))
    )
    friends = join([load(name) for name in ("glass", "metal", "paper_or_cardboard", "plastic")])
    strangers = load("unknown")
    for name, score in all_scores(head, train, train_known, list(train_unknown.values())).items():
        table[name] = {
            "made_up_auroc": float(np.mean(made_up[name])),
            "left_out_auroc": float(np.mean(left_out[name])),
            "web_auroc": auroc(score(strangers), score(friends)),
            "web_fpr95": false_positive_rate(score(strangers), score(friends)),
        }
    calibration = predictor.description.calibration
    unknown_now = calibration and calibration.strangeness(strangers["logits"], strangers["features"])
    known_now = calibration and calibration.strangeness(friends["logits"], friends["features"])
    shipped = None
    if unknown_now is not None and known_now is not None:
        shipped = {
            "auroc": auroc(unknown_now, known_now),
            "fpr95": false_positive_rate(unknown_now, known_now),
            "unknown": [int((unknown_now > 0.5).sum()), len(unknown_now)],
            "known": [int((known_now > 0.5).sum()), len(known_now)],
        }
    (here / "scores.json").write_text(json.dumps({"scores": table, "bundled": shipped}, indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:5])
