import time

import numpy as np
import pytest

from recyclenet.bench.in_turn import spread, time_in_turn


def test_ways_take_turns_and_warm_ups_do_not_count():
    order, told = [], []
    ways = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    taken = time_in_turn(ways, 3, warm_ups=2, on_progress=lambda *at: told.append(at))
    assert "".join(order) == "ab" * 5
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 3, "b": 3}
    assert told == [(number, 5) for number in range(1, 6)]


def test_a_way_is_led_in_by_itself():
    calls = []
    ways = {
        "a": lambda: (calls.append("a"), time.sleep(0.02 if calls.count("a") % 2 else 0)),
        "b": lambda: calls.append("b"),
    }
    taken = time_in_turn(ways, 2, lead_ins=1)
    assert "".join(calls) == "aabb" * 2
    assert (taken["a"] < 0.02).all()  # the first of each two takes longer, and does not count


def test_times_are_of_the_way_itself():
    taken = time_in_turn({"slow": lambda: time.sleep(0.05), "quick": lambda: None}, 3)
    assert (taken["slow"] >= 0.05).all()
    assert (taken["quick"] < 0.05).all()


def test_a_way_with_a_clock_of_its_own_is_believed():
    told = iter([9.0, 1.0, 2.0])
    taken = time_in_turn({"a": lambda: next(told)}, 2, warm_ups=1, seconds_of=float)
    assert taken["a"].tolist() == [1.0, 2.0]


def test_spread_is_median_and_quartiles():
    found = spread(np.array([4.0, 1.0, 2.0, 3.0, 5.0]))
    assert (found.median, found.low, found.high) == (3.0, 2.0, 4.0)
    assert found.times(1000).median == pytest.approx(3000)
