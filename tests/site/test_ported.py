"""Each module that stands in Python and in JavaScript says the same of the same made-up numbers."""

import base64
import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from recyclenet.calibration import Calibration, calibrated_probs
from recyclenet.class_directions import ClassDirections
from recyclenet.encoded import encode
from recyclenet.pictures.heatmap import heat, overlay
from recyclenet.preprocess import PreprocessSpec
from recyclenet.rules import RULES, Bin, Costs, Rules, load_rules
from recyclenet.site.build import rules_table
from recyclenet.unknown import UnknownScore
from tests.browser import needs_chromium

pytestmark = needs_chromium

BYTES = "const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));"
TEXT = "const text = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));"


def sent(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def received(text, shape):
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)


def levels_apart(found, wanted):
    """The largest difference of two RGB pictures."""
    return np.abs(found.astype(int) - np.asarray(wanted, int)).max()


@pytest.fixture
def call(page):
    """Runs the body of an async function with `given` in the page; the modules are imported by their names."""

    def call(body, **given):
        return page.evaluate(f"async (given) => {{ {BYTES} {TEXT} {body} }}", given)

    return call


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(512, 384), (300, 390), (97, 80), (256, 256)])
def test_resizing_is_pillows(call, rng, interpolation, size):
    picture = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))
    found = call(
        """
        const { fixedPoint, resizeAcross, resizeDown, taps } = await import("./classifier/resample.js");
        const { width, height, side, filter } = given;
        const narrow = new Uint8ClampedArray(height * side * 3);
        resizeAcross(bytes(given.pixels), 3, width, height, fixedPoint(taps(width, side, filter)), narrow, 0);
        return text(resizeDown(narrow, side, fixedPoint(taps(height, side, filter))));
        """,
        pixels=sent(picture), width=size[0], height=size[1], side=200, filter=interpolation,
    )  # fmt: skip
    # Much taller ones come out a little otherwise from some versions of Pillow, which begin with the other pass.
    wanted = picture.resize((200, 200), Image.Resampling[interpolation.upper()])
    assert levels_apart(received(found, (200, 200, 3)), wanted) <= 1


@pytest.mark.parametrize(
    ("size", "spec"),
    [
        ((512, 384), PreprocessSpec()),
        ((385, 700), PreprocessSpec(img_size=192, resize=219, interpolation="bicubic")),
        ((901, 600), PreprocessSpec(img_size=255, resize=256)),
        ((256, 301), PreprocessSpec(img_size=223, resize=256)),
        ((40, 33), PreprocessSpec(img_size=64, resize=65)),
        ((900, 1300), PreprocessSpec(img_size=128, resize=128)),
    ],
)
def test_views_are_pythons(call, rng, size, spec, tmp_path):
    picture = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))
    picture.save(tmp_path / "picture.png")
    view, numbers = call(
        """
        const { normalize, viewOf } = await import("./classifier/view.js");
        const view = await viewOf(new Blob([bytes(given.file)]), given.spec);
        return [text(view.pixels), text(new Uint8Array(normalize(view, given.spec).buffer))];
        """,
        file=sent(np.frombuffer((tmp_path / "picture.png").read_bytes(), np.uint8)),
        spec=asdict(spec),
    )
    wanted = spec.view(picture)
    assert levels_apart(received(view, (spec.img_size, spec.img_size, 3)), wanted) <= 1
    found = np.frombuffer(base64.b64decode(numbers), np.float32).reshape(3, spec.img_size, spec.img_size)
    given = Image.fromarray(received(view, (spec.img_size, spec.img_size, 3)))
    np.testing.assert_allclose(found, spec.normalize(given), rtol=0, atol=1e-6)


FEATURES, CLASSES = 12, 5


def unknown_score(rng):
    plane = np.linalg.qr(rng.normal(size=(FEATURES, 4)))[0].T
    rows = rng.normal(size=(CLASSES, FEATURES))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return UnknownScore(
        features=FEATURES, dimensions=4, mean=encode(rng.normal(size=FEATURES), "<f4"), plane=encode(plane, "<f2"),
        classes=ClassDirections(FEATURES, CLASSES, encode(rows, "<f2")), weight=1.9, middle=-5.0, width=0.8, kept=0.95,
    )  # fmt: skip


@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("score", ["none", "by its features"])
def test_probabilities_sets_and_strangeness(call, rng, method, score):
    unknown = None if score == "none" else unknown_score(rng)
    calibration = Calibration(1.6, 0.95, method, 0.9 if method == "aps" else 0.8, 100, "x", unknown)
    logits = rng.normal(scale=3, size=(40, CLASSES)).astype(np.float32)
    logits[0] = 1  # all classes alike
    features = rng.normal(size=(40, FEATURES)).astype(np.float32)
    found = call(
        """
        const { Calibration } = await import("./classifier/calibration.js");
        const calibration = new Calibration(given.settings);
        return given.logits.map((row, place) => {
          const probs = calibration.probs(row);
          return [probs, calibration.possible(probs), calibration.unknown(row, given.features[place])];
        });
        """,
        settings=asdict(calibration), logits=logits.tolist(), features=features.tolist(),
    )  # fmt: skip
    probs = calibrated_probs(logits, calibration)
    names = tuple(range(CLASSES))
    np.testing.assert_allclose([row[0] for row in found], probs, rtol=0, atol=1e-12)
    assert [tuple(row[1]) for row in found] == [calibration.possible(row, names) for row in probs]
    assert len({len(row[1]) for row in found}) > 1
    strangeness = calibration.strangeness(logits, features)
    if strangeness is None:
        assert [row[2] for row in found] == [None] * 40
    else:
        np.testing.assert_allclose([row[2] for row in found], strangeness, rtol=0, atol=1e-5)
        assert np.ptp(strangeness) > 0.3


def test_a_model_without_calibration_only_answers(call):
    found = call(
        """
        const { Calibration } = await import("./classifier/calibration.js");
        const calibration = new Calibration(null);
        const probs = calibration.probs([0, Math.log(3)]);
        return [probs, calibration.possible(probs), calibration.unknown([0, 1], [1])];
        """
    )
    assert found == [pytest.approx([0.25, 0.75]), None, None]


def rules_of_all_kinds():
    bins = {"9": Bin("nine", "#999999"), "1": Bin("one", "#111111", "rinse")}
    materials = {"glass": "9", "paper": "1", "__proto__": "1"}
    return [
        *map(load_rules, RULES),
        Rules(bins, materials, Costs(ask=0.4, wrong=1.5, of={"glass": {"1": 7.0}, "paper": {"9": 0.2}})),
        Rules(bins, {}, Costs(ask=10)),  # both bins are as wrong: the first in order is taken
        Rules({}, {}),
    ]


@pytest.mark.parametrize("rules", rules_of_all_kinds())
def test_decisions(call, rng, rules):
    classes = ["glass", "paper", "cardboard", "plastic", "__proto__"]
    probs = [*rng.dirichlet(np.full(5, 0.5), 60).tolist(), [0.2] * 5, [1.0, 0.0, 0.0, 0.0, 0.0]]
    found = call(
        """
        const { decide } = await import("./classifier/rules.js");
        return given.probs.map((row, place) => decide(JSON.parse(given.rules), given.classes, row, place === 0));
        """,
        rules=json.dumps(rules_table(rules)), classes=classes, probs=probs,
    )  # fmt: skip
    wanted = [rules.decide(dict(zip(classes, row, strict=True)), is_unknown=row is probs[0]) for row in probs]
    assert [row["bin"]["key"] for row in found] == [item.key for item in wanted]
    assert [row["bin"]["name"] for row in found] == [item.bin.name for item in wanted]
    assert [row["reason"] for row in found] == [item.reason for item in wanted]


def test_heatmaps(call, rng):
    view = Image.fromarray(rng.integers(0, 256, (96, 96, 3), np.uint8))
    for evidence in (rng.normal(size=(4, 5, 7)), np.zeros((4, 5, 7))):
        found = call(
            """
            const { heatmap } = await import("./classifier/heatmap.js");
            return text(heatmap({ side: 96, pixels: bytes(given.view) }, given.evidence, 7, 5, 2));
            """,
            view=sent(view), evidence=evidence.ravel().tolist(),
        )  # fmt: skip
        wanted = overlay(view, heat(evidence.astype(np.float32), 2))
        assert levels_apart(received(found, (96, 96, 3)), wanted) <= 1
