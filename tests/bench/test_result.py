import json

import numpy as np

from recyclenet.bench.in_turn import Spread
from recyclenet.bench.result import Aim, BenchTable, aim_text, lines_of, shown, to_json, to_markdown

TAKEN = {"ours": np.array([1.0, 2.0, 4.0]), "theirs": np.array([3.0, 4.0, 20.0])}


def table(*aims: Aim) -> BenchTable:
    return BenchTable("a job", "ms", "ours", 3, lines_of(TAKEN, "ours", 1000.0), aims, ("a remark.",), {"rate": 2.0})


def test_ratios_are_taken_round_by_round():
    ours, theirs = table().lines
    assert (ours.taken.median, theirs.taken.median) == (2000, 4000)
    assert (ours.ratio.median, ours.ratio.low, ours.ratio.high) == (1, 1, 1)
    assert theirs.ratio.median == 3  # of 3, 2 and 5


def test_aims_say_whether_they_are_met():
    assert aim_text(Aim("times as fast", 6.12, 5)) == "Aim: times as fast, at least 5: 6.12, met."
    assert aim_text(Aim("times as fast", 4.9, 5)) == "Aim: times as fast, at least 5: 4.9, missed."
    assert aim_text(Aim("seconds", 0.61, 0.6, at_most=True)) == "Aim: seconds, at most 0.6: 0.61, missed."
    assert Aim("seconds", 0.6, 0.6, at_most=True).is_met


def test_numbers_have_three_figures():
    assert shown(Spread(3.14159, 0.012345, 1234.5)) == "3.14 (0.0123–1234)"


def test_the_page_holds_every_line_and_the_command():
    page = to_markdown([table(Aim("times as fast", 6.12, 5))], "recyclenet bench answering")
    assert "`recyclenet bench answering` on " in page
    assert "| theirs | 4000 (3500–12000) | 3 (2.5–4) |" in page
    assert "- 3 rounds.\n- Aim: times as fast, at least 5: 6.12, met.\n- a remark.\n" in page


def test_json_holds_aims_and_machine():
    found = json.loads(json.dumps(to_json([table(Aim("times as fast", 6.12, 5))])))
    assert found["tables"][0]["aims"] == [
        {"text": "times as fast", "ratio": 6.12, "limit": 5, "at_most": False, "is_met": True}
    ]
    assert found["tables"][0]["figures"] == {"rate": 2.0}
    assert found["machine"]["usable_cores"] >= 1
