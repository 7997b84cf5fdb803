import threading
import time

import pytest

from recyclenet.ahead import map_ahead


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers):
    def slow_for_some(number):
        time.sleep(0.01 if number % 4 == 0 else 0)
        return number * number

    assert list(map_ahead(slow_for_some, range(40), workers)) == [number * number for number in range(40)]


def test_threads_work_at_the_same_time():
    together = threading.Barrier(3, timeout=10)
    assert sorted(map_ahead(lambda number: together.wait(), range(6), 3)) == [0, 0, 1, 1, 2, 2]


def test_items_are_taken_only_as_far_as_needed():
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = map_ahead(lambda number: number, items(), 2)
    assert [next(results) for _ in range(10)] == list(range(10))
    assert len(taken) <= 10 + 6
    results.close()
    assert len(taken) <= 10 + 6


def test_what_fails_is_raised_in_its_turn_and_the_rest_is_not_begun():
    begun = []

    def fail_on_three(number):
        begun.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    results = map_ahead(fail_on_three, range(100), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(begun) <= 10


def test_one_worker_needs_no_thread():
    assert list(map_ahead(lambda _: threading.current_thread(), range(3), 1)) == [threading.current_thread()] * 3
