import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recyclenet.calibration import Calibration
from recyclenet.class_directions import ClassDirections
from recyclenet.config import ModelConfig
from recyclenet.description import FORMAT, ModelDescription
from recyclenet.encoded import encode
from recyclenet.errors import RecycleNetError
from recyclenet.preprocess import PreprocessSpec
from recyclenet.unknown import UnknownScore

POINTING = ClassDirections(3, 1, encode(np.eye(1, 3), "<f2"))
UNKNOWN = UnknownScore(
    3, 2, encode(np.array([1, 2, 3]), "<f4"), encode(np.eye(2, 3), "<f2"), POINTING, 0.5, -2.5, 0.25, 0.99
)
CALIBRATION = Calibration(0.5, 0.95, "aps", 0.75, 328, "ab12", UNKNOWN)

FULL = ModelDescription(
    ModelConfig("mobilenetv2_100", "recyclenet", "final", ("channel",), "mul", 0.125, 5, 0.2, {"depth": 2, "x": True}),
    ("glass", "papier mâché", "metal"),
    PreprocessSpec(96, 110, (0.5, 0.25, 0.125), (1.0, 2.0, 0.1), "bicubic"),
    {"val_correct": 300, "val_nll": 0.25, "best": True},
    {"name": "trashnet", "fingerprint": "ab12"},
    {"recipe": "best", "seed": 3, "lr": 0.5},
    "1.2.3",
    quantization={"weights": "int8", "photos": 256},
    calibration=CALIBRATION,
)


def valid_table() -> dict:
    return json.loads(FULL.to_json())


@pytest.mark.parametrize("described", [FULL, ModelDescription(ModelConfig(), ("a", "b"), PreprocessSpec())])
def test_round_trip(described):
    text = described.to_json()
    assert "\n" not in text
    assert ModelDescription.from_json(text, "m.onnx") == described
    assert described.format == FORMAT == 1


def test_a_description_from_before_int8_is_one_of_floats():
    table = valid_table()
    del table["quantization"]
    assert ModelDescription.from_json(json.dumps(table), "m.onnx").quantization == {}


@pytest.mark.parametrize("later", [FORMAT + 1, 99])
def test_a_later_format_is_refused_whatever_it_holds(later):
    text = json.dumps({"format": later, "unheard": "of"})
    with pytest.raises(RecycleNetError, match=rf"^m\.onnx: written by a later recyclenet \(format {later}\): upgrade"):
        ModelDescription.from_json(text, "m.onnx")


@pytest.mark.parametrize(
    "text", ["", "{", "nonsense", '{"model": }', "[" * 100_000, "\ufeff{}", '{"a": ' + "1" * 5000 + "}"]
)
def test_not_json(text):
    with pytest.raises(RecycleNetError, match=r"^m\.onnx: its description is not JSON"):
        ModelDescription.from_json(text, "m.onnx")


@pytest.mark.parametrize("text", ["null", "[]", "3", '"text"', "true", "NaN"])
def test_json_but_no_table(text):
    with pytest.raises(RecycleNetError, match=r"^m\.onnx: expected a table"):
        ModelDescription.from_json(text, "m.onnx")


@pytest.mark.parametrize("key", ["model", "classes", "preprocess"])
def test_a_missing_part(key):
    table = valid_table()
    del table[key]
    with pytest.raises(RecycleNetError, match=f"'{key}' is missing"):
        ModelDescription.from_json(json.dumps(table), "m.onnx")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": []}, "2 to 10,000 distinct classes"),
        ({"classes": ["a"]}, "2 to 10,000 distinct classes"),
        ({"classes": ["a", "a"]}, "2 to 10,000 distinct classes"),
        ({"classes": [str(n) for n in range(10_001)]}, "2 to 10,000 distinct classes"),
        ({"classes": ["a", ""]}, "1 to 200 printable characters"),
        ({"classes": ["a", "b" * 201]}, "1 to 200 printable characters"),
        ({"classes": "ab"}, "classes must be a list"),
        ({"clases": []}, r"did you mean classes\?"),
        ({"metrics": {"a": None}}, "metrics"),
        ({"metrics": {"a": [1]}}, "metrics"),
        ({"data": {"name": 3}}, "data must be a text"),
        ({"model": {"attn": "other"}}, "model: attn must be one of"),
        ({"preprocess": {"resize": 3}}, "preprocess: resize must lie"),
        ({"format": "1"}, "format must be a whole number"),
        ({"format": True}, "format must be a whole number"),
        ({"format": None}, "format must be a whole number"),
    ],
)
def test_what_is_wrong_is_named(changes, message):
    with pytest.raises(RecycleNetError, match=message) as caught:
        ModelDescription.from_json(json.dumps(valid_table() | changes), "m.onnx")
    assert str(caught.value).startswith("m.onnx: ")


def test_a_file_from_before_there_were_calibrations():
    table = valid_table()
    del table["calibration"]
    assert ModelDescription.from_json(json.dumps(table), "m.onnx").calibration is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0}, "temperature must lie between 0.01 and 100"),
        ({"temperature": float("nan")}, "temperature must lie"),
        ({"temperature": float("inf")}, "temperature must lie"),
        ({"coverage": 1}, "coverage must lie"),
        ({"set_method": "best"}, "set_method must be one of lac, aps"),
        ({"set_threshold": 1.5}, "set_threshold must lie"),
        ({"photos": 0}, "photos must lie"),
        ({"fingerprint": "x" * 101}, "at most 100 printable characters"),
        ({"fingerprint": "a\nb"}, "at most 100 printable characters"),
        ({"more": 1}, "unknown setting 'more'"),
    ],
)
def test_a_calibration_out_of_range_is_refused(changes, message):
    table = valid_table()
    table["calibration"] |= changes
    with pytest.raises(RecycleNetError, match=message) as caught:
        ModelDescription.from_json(json.dumps(table), "m.onnx")
    assert str(caught.value).startswith("m.onnx: calibration")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": 10**12}, "features must lie between 2 and 16384"),
        ({"dimensions": 4}, "dimensions must lie between 1 and 3"),
        ({"features": 4}, "mean must hold 4 finite numbers"),
        ({"dimensions": 1}, "plane must hold 3 finite numbers"),
        ({"mean": "no base64!"}, "mean must be numbers in base64"),
        ({"mean": "é"}, "mean must be numbers in base64"),
        ({"mean": "AAA="}, "mean must be numbers in base64"),
        ({"plane": encode(np.full((2, 3), np.nan), "<f2")}, "plane must hold 6 finite numbers"),
        ({"weight": -1}, "weight must lie"),
        (
            {"classes": {"features": 3, "classes": 2, "directions": POINTING.directions}},
            "directions must hold 6 finite numbers",
        ),
        ({"classes": {"features": 2, "classes": 1, "directions": "AAAAAA=="}}, "are for 2 features, not for 3"),
        ({"width": 0}, "width must lie"),
        ({"middle": float("nan")}, "middle must lie"),
        ({"kept": 2}, "kept must lie"),
    ],
)
def test_a_damaged_unknown_score_is_refused(changes, message):
    table = valid_table()
    table["calibration"]["unknown"] |= changes
    with pytest.raises(RecycleNetError, match=message) as caught:
        ModelDescription.from_json(json.dumps(table), "m.onnx")
    assert str(caught.value).startswith("m.onnx: calibration: unknown")


@pytest.mark.parametrize("size", [2, 10_000])
def test_the_limits_of_the_class_list_are_allowed(size):
    table = valid_table() | {"classes": [f"{n:0200}" for n in range(size)]}
    assert len(ModelDescription.from_json(json.dumps(table), "m.onnx").classes) == size


@pytest.mark.parametrize("place", ["rd_ratio", "mean"])
def test_a_number_beyond_every_float(place):
    huge = 10**400
    table = valid_table()
    if place == "rd_ratio":
        table["model"]["rd_ratio"] = huge
    else:
        table["preprocess"]["mean"] = [huge, 0, 0]
    with pytest.raises(RecycleNetError, match=place):
        ModelDescription.from_json(json.dumps(table), "m.onnx")


def test_deep_nesting_of_any_depth():
    for depth in (*range(1, 1100), 5_000, 100_000):
        text = '{"model": {"gates": ' + "[" * depth + "]" * depth + '}, "classes": ["a", "b"], "preprocess": {}}'
        with pytest.raises(RecycleNetError):
            ModelDescription.from_json(text, "m.onnx")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PLACES = [
    *((key,) for key in valid_table()),
    *(("model", key) for key in valid_table()["model"]),
    *(("calibration", key) for key in valid_table()["calibration"]),
    *(("calibration", "unknown", key) for key in valid_table()["calibration"]["unknown"]),
    *(("preprocess", key) for key in valid_table()["preprocess"]),
    ("metrics", "val_correct"),
    ("classes", 0),
    ("preprocess", "mean", 1),
    ("model", "arch_args", "depth"),
]


def check_only_our_error_or_a_round_trip(value: object) -> None:
    try:
        made = ModelDescription.from_json(json.dumps(value), "m.onnx")
    except RecycleNetError as error:
        message = str(error)
    else:
        assert ModelDescription.from_json(made.to_json(), "again") == made
        return
    assert message.startswith("m.onnx: ")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(VALUES)
def test_any_json_value(value):
    check_only_our_error_or_a_round_trip(value)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=2))
def test_any_json_value_in_any_place(changes):
    table = valid_table()
    for path, value in changes:
        place = table
        for key in path[:-1]:
            place = place[key] if isinstance(place, dict) and key in place else {}
        if isinstance(place, dict) or (isinstance(place, list) and place and path[-1] == 0):
            place[path[-1]] = value
    check_only_our_error_or_a_round_trip(table)
