import json

import pytest
from PIL import Image

from recyclenet.ablation.report import NOT_MEASURED, write_report
from recyclenet.ablation.results import RunResult
from recyclenet.ablation.suites import suite_tables
from recyclenet.ablation.tables import fill_tables
from recyclenet.metrics import wilson_interval

TABLES = suite_tables("gates", ["resnet18"])
NONE, SPATIAL, CHANNEL, BOTH = TABLES[0].variants
FACTS = {"command": "recyclenet ablate gates | tee", "gpu": None}


def result(variant, seed, hits, minutes=2.0):
    return RunResult(variant.key, seed, 10, 7, 30 + seed, 40, hits, 1000, 60 * minutes, "abc")


@pytest.fixture
def results():
    return {
        NONE.key: {1: result(NONE, 1, "1100110000"), 2: result(NONE, 2, "1100100000")},
        BOTH.key: {1: result(BOTH, 1, "1111110000", minutes=3), 2: result(BOTH, 2, "1111100001", minutes=5)},
        SPATIAL.key: {2: result(SPATIAL, 2, "0000000000")},
    }


def test_lines_hold_what_was_measured_and_nothing_else(results):
    none, spatial, channel, both = fill_tables(TABLES, results)[0].lines
    assert none.test.counts == (4, 3)
    assert none.test.interval == wilson_interval(3.5, 10)
    assert none.against_baseline is None
    assert both.test.mean == 6
    assert both.minutes == 4
    assert both.val.counts == (31, 32)
    # By hand: photos 3 and 4 by both seeds, 10 by one; none the other way.
    assert (both.against_baseline.better, both.against_baseline.worse) == (3, 0)
    assert both.against_baseline.p_value == pytest.approx(0.25)
    assert (channel.test, channel.params, channel.seeds) == (None, None, ())
    assert channel.published is None
    assert spatial.published.correct == 400
    # Compared over the one seed that both have.
    assert (spatial.against_baseline.better, spatial.against_baseline.worse) == (0, 3)


def test_pairs_are_of_the_same_seed():
    """A seed's answers must meet the same seed's, whatever the order in which runs ended."""
    runs = {NONE.key: {2: result(NONE, 2, "01"), 1: result(NONE, 1, "10")}}
    runs[BOTH.key] = {1: result(BOTH, 1, "10"), 2: result(BOTH, 2, "01")}
    line = fill_tables(TABLES, runs)[0].lines[3]
    assert (line.against_baseline.better, line.against_baseline.worse) == (0, 0)
    assert line.against_baseline.p_value == 1.0


def test_files(results, tmp_path):
    paths = write_report(tmp_path, "gates", FACTS, fill_tables(TABLES, results))
    assert [path.name for path in paths] == ["gates.json", "gates.md", "gates.png"]
    table = json.loads(paths[0].read_text())
    assert table["gpu"] is None
    lines = table["tables"][0]["lines"]
    assert [line["key"] for line in lines] == [variant.key for variant in TABLES[0].variants]
    assert lines[3]["test"]["counts"] == [6, 6]
    assert lines[2]["test"] is None
    text = paths[1].read_text()
    row = next(line for line in text.splitlines() if line.startswith("| no attention"))
    assert "| 388 (90.0 %) | 3.5 ± 0.7 of 10 | 35.0 ± 7.1 % |" in row
    channel = next(line for line in text.splitlines() if "channel gate only" in line)
    assert channel.count(NOT_MEASURED) == 10
    assert "Of 2 comparisons, up to\n0.1 can be" in text
    assert "ablate gates \\| tee" in text
    with Image.open(paths[2]) as picture:
        assert picture.width == 1080


def test_an_empty_ablation_can_be_written(tmp_path):
    paths = write_report(tmp_path, "paper", FACTS, fill_tables(suite_tables("paper", ["resnet18"]), {}))
    assert all(path.stat().st_size > 0 for path in paths)
