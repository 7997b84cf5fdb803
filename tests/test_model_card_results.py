"""What a card repeats of other commands' results, against figures worked out by hand."""

import json
import os
from pathlib import Path

import pytest

from recyclenet.errors import RecycleNetError
from recyclenet.model_card_results import ADAPT, FILES, FOLDS, PARITY, PICTURES, read_results, results_lines

PAIR = {"first": "float.onnx", "second": "int8.onnx", "total": 10, "agree": 9, "better": 0, "worse": 1,
        "p_value": 1.0, "largest_difference": 0.2, "mean_difference": 0.1}  # fmt: skip
TIMING = {"model": "float.onnx", "median": 8.0, "middle_half": [7.0, 9.0], "quickest": 7.0, "ratio": 1.0,
          "quickest_ratio": 1.0}  # fmt: skip
TABLES = {
    PARITY: {
        "data": "photos",
        "split": "test",
        "machine": {"cores": 2},
        "models": [
            {"name": "float.onnx", "bytes": 8_000_000, "correct": 9, "total": 10, "accuracy": 0.9},
            {"name": "int8.onnx", "bytes": 2_340_000, "correct": 8, "total": 10, "accuracy": 0.8},
        ],
        "pairs": [PAIR],
        "timings": [TIMING, {**TIMING, "model": "int8.onnx", "median": 4.0, "ratio": 0.5}],
    },
    # 80 and 90 %, 0.5 and 0.7: a standard deviation is the difference over √2.
    FOLDS: [
        {"correct": 8, "total": 10, "accuracy": 0.8, "macro_f1": 0.5},
        {"correct": 9, "total": 10, "accuracy": 0.9, "macro_f1": 0.7},
    ],
    ADAPT: {
        "model": "the model",
        "runs": {
            "5 a class": {"gain": [1.0, 2.0]},
            "10 a class": {
                "before": [70, 72],
                "after": [80.0, 84.0],
                "gain": [10.0, 12.0],
                "test_before": [30, 30],
                "test_after": [29, 27],
                "seconds": [1.0, 1.0],
            },
        },
    },
}


def write(folder, tables):
    for name, table in tables.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(table if isinstance(table, str) else json.dumps(table))
    return folder


def test_by_hand(tmp_path):
    folder = write(tmp_path / "my results", TABLES)
    for name in FILES[3:]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    text = "\n".join(results_lines(read_results(folder), tmp_path / "docs"))
    for part in (
        "## Measured by other commands\n\nRead from files in `my results`,",
        "| float.onnx | 8.00 | 9 | 10 | 90.0 % | 59.6–98.2 |\n| int8.onnx | 2.34 | 8 | 10 | 80.0 % | 49.0–94.3 |\n",
        "- int8.onnx against float.onnx: the same answer to 9 of 10 photos, 0 better, 1 worse (McNemar's p 1).\n",
        "- One photo takes int8.onnx 4.0 ms, 50 % of float.onnx's time (medians).\n",
        "each of 2 folds (`folds/best.json`): 85.0 ± 7.1 % right (mean ± standard deviation), macro-F1 0.600 ± 0.141; ",
        "of all their test photos 17 of 20 = 85.0 % (95 % interval 64.0–94.8).",
        "on the model with photos from elsewhere (`adapt/scores.json`)",
        "| 10 a class | 2 | 71.0 ± 1.4 | 82.0 ± 2.8 | **11.0 ± 1.4** | 30.0 ± 0.0 | 28.0 ± 1.4 |\n",
        "![reliability](../my%20results/bundled/reliability.png) "
        "![risk and coverage](../my%20results/bundled/risk-coverage.png)\n",
    ):
        assert part in text, part
    assert "5 a class" not in text
    assert text.count("One photo takes") == 1


@pytest.mark.parametrize("name", TABLES)
def test_what_is_not_there_is_left_out(tmp_path, name):
    """Each file alone: its own heading and no other."""
    headings = {PARITY: "### Floats and 8 bits", FOLDS: "### The recipe over folds", ADAPT: "### Learning from a few"}
    folder = write(tmp_path, {name: TABLES[name]})
    found = [line for line in results_lines(read_results(folder), tmp_path) if line.startswith("###")]
    assert len(found) == 1
    assert found[0].startswith(headings[name])


def test_nothing_timed_is_nothing_said(tmp_path):
    folder = write(tmp_path, {PARITY: {**TABLES[PARITY], "timings": []}})
    assert not any("One photo" in line for line in results_lines(read_results(folder), tmp_path))


RUN = TABLES[ADAPT]["runs"]["10 a class"]


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        (PARITY, "{", "is damaged: it is not JSON"),
        (FOLDS, "[" * 100_000, "is damaged: it is not JSON"),
        (PARITY, "null", "expected a table of settings, found NoneType"),
        (PARITY, {**TABLES[PARITY], "models": None}, "models must be a list, not None"),
        (PARITY, {**TABLES[PARITY], "models": [3]}, "models: expected a table of settings, found int"),
        (PARITY, {key: TABLES[PARITY][key] for key in ("data", "split", "models")}, "'pairs' is missing"),
        (FOLDS, {}, "expected a list of two folds or more"),
        (FOLDS, TABLES[FOLDS][:1], "expected a list of two folds or more"),
        (FOLDS, [TABLES[FOLDS][0], {**TABLES[FOLDS][1], "correct": 11}], "fold 2: correct must lie between 0 and 10"),
        (FOLDS, [{**TABLES[FOLDS][0], "total": 0}] * 2, "fold 1: total must lie between 1 and"),
        (FOLDS, [{**TABLES[FOLDS][0], "macro_f1": float("nan")}] * 2, "macro_f1 must lie between 0 and 1, not nan"),
        (ADAPT, {"model": "m", "runs": []}, "runs must be a table"),
        (ADAPT, {"model": "m", "runs": {"10 a class": {**RUN, "gain": [1.0]}}}, "figures of two draws or more"),
        (ADAPT, {"model": "m", "runs": {"10 a class": {**RUN, "gain": [1.0, "2"]}}}, "gain must be a number, not '2'"),
        (ADAPT, {"model": "m", "runs": {"10 a class": {**RUN, "after": [1, float("inf")]}}}, "a figure must lie"),
    ],
)  # fmt: skip
def test_damaged_files_are_said_in_one_line(tmp_path, name, table, message):
    folder = write(tmp_path, {name: table})
    with pytest.raises(RecycleNetError, match=message) as raised:
        read_results(folder)
    assert str(raised.value).startswith(str(folder / name))
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(RecycleNetError, match=r"has nothing for a card: expected .* or bundled/risk-coverage\.png"):
        read_results(tmp_path / "nowhere")
    (tmp_path / PARITY).mkdir(parents=True)
    with pytest.raises(RecycleNetError, match="cannot be read"):
        read_results(tmp_path)
    (tmp_path / PARITY).rmdir()
    (tmp_path / PARITY).write_bytes(b"\xff")
    with pytest.raises(RecycleNetError, match="is damaged"):
        read_results(tmp_path)


def test_pictures_on_another_drive_are_named(tmp_path, monkeypatch):
    """Windows has no relative path from one drive to another, and an absolute one is of use to nobody else."""
    shown, name = next(iter(PICTURES.items()))
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()

    def relpath(path, start):
        raise ValueError("path is on mount 'C:', start on mount 'D:'")

    monkeypatch.setattr(os.path, "relpath", relpath)
    lines = results_lines(read_results(tmp_path), tmp_path)
    assert f"{shown}: `{Path(name).name}`." in lines
    assert not any(str(tmp_path) in line for line in lines)
