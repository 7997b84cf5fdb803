"""All numbers by hand: with a memory of 1 / ln 2 seconds, what came before weighs half as much after a second."""

import math

import pytest

from recyclenet.errors import RecycleNetError
from recyclenet.rules import ASK, Bin, Costs, Rules
from recyclenet.webcam.answer import Answer
from recyclenet.webcam.smoothing import Average, Hold, Steadiness, Steady

HALF = 1 / math.log(2)
CAN, BAG = Bin("can bin", "#111111"), Bin("bag bin", "#222222")
RULES = Rules({"c": CAN, "b": BAG}, {"can": "c", "bag": "b"}, Costs(ask=0.4))


def test_an_average_by_hand():
    average = Average(HALF)
    assert average.update(5, [1, 0]) == pytest.approx([1, 0])
    assert average.update(6, [0, 1]) == pytest.approx([0.5, 0.5])  # 1/2 old, 1/2 new
    assert average.update(8, [0, 1]) == pytest.approx([0.125, 0.875])  # two seconds: 1/4 old
    assert average.update(8, [1, 0]) == pytest.approx([0.125, 0.875])  # no time, no weight


def test_the_number_of_frames_does_not_count_only_the_time():
    slow, fast = Average(0.3), Average(0.3)
    for average in (slow, fast):
        average.update(0, [1, 0])
    for step in range(1, 31):
        last = fast.update(step / 30, [0, 1])
    assert slow.update(1, [0, 1]) == pytest.approx(last)


def test_a_value_holds_until_another_was_offered_long_enough():
    hold = Hold("-", dwell=0.5)
    offers = [
        *((0.0, "a", "-"), (0.4, "a", "-"), (0.5, "a", "a")),
        *((0.6, "b", "a"), (1.0, "a", "a"), (1.1, "b", "a"), (1.5, "b", "a")),  # 0.4 s since the break
        (1.6, "b", "b"),
        *((1.7, "a", "b"), (1.8, "c", "b"), (2.2, "a", "b"), (2.25, "c", "b")),  # none of them long enough
        (2.75, "c", "c"),
    ]
    assert [hold.update(time, offered) for time, offered, _ in offers] == [held for *_, held in offers]


def test_without_dwell_it_follows():
    hold = Hold("-", dwell=0)
    assert [hold.update(0, "a"), hold.update(0, "b")] == ["a", "b"]


def steady(dwell=0.0, margin=0.1, rules=RULES):
    return Steady(("can", "bag"), rules, Steadiness(HALF, dwell, margin))


def test_another_class_must_lead_by_the_margin():
    answers = steady(margin=0.2)
    assert answers.update(0, [0.8, 0.2], 0) == Answer("can", 0.8, CAN)
    # Half of 0.8 and half of 0.1: the bag leads with 0.55 to 0.45, by less than 0.2.
    answer = answers.update(1, [0.1, 0.9], 0)
    assert (answer.label, answer.prob) == ("can", pytest.approx(0.45))
    # Half of 0.45 and half of 0.1: 0.725 to 0.275.
    answer = answers.update(2, [0.1, 0.9], 0)
    assert (answer.label, answer.prob, answer.bin) == ("bag", pytest.approx(0.725), BAG)


def test_what_is_there_stays_until_it_is_clearly_gone_and_back():
    answers = steady()
    emptiness = [0.0, 1.0, 1.0, 0.1, 0.0]
    averages = [0.0, 0.5, 0.75, 0.425, 0.2125]
    gone = [False, False, True, True, False]  # gone above 0.6, back up to 0.4
    for time, (empty, average, is_gone) in enumerate(zip(emptiness, averages, gone, strict=True)):
        assert (answers.update(time, [1, 0], empty) is None) == is_gone, average


def test_nothing_is_answered_before_the_dwell_is_over():
    answers = steady(dwell=0.5)
    assert [answers.update(time, [1, 0], 0) for time in (0, 0.3, 0.49)] == [None] * 3
    assert answers.update(0.5, [1, 0], 0) == Answer("can", 1, CAN)


def test_an_answer_that_changes_with_every_frame_stands_still():
    answers = steady(dwell=0.5)
    answers.update(0, [0.9, 0.1], 0)
    frames = [answers.update(0.5 + step / 10, [0.3, 0.7] if step % 2 else [0.8, 0.2], 0) for step in range(50)]
    assert {answer.label for answer in frames} == {"can"}


def test_the_bin_is_that_of_least_expected_cost_of_the_average():
    answers = steady(dwell=0)
    assert answers.update(0, [1, 0], 0).bin == CAN
    # 0.55 to 0.45: the can's bin costs 0.45 on average, asking 0.4.
    doubtful = answers.update(1, [0.1, 0.9], 0)
    assert (doubtful.label, doubtful.bin) == ("can", ASK)
    assert steady(rules=Rules()).update(0, [1, 0], 0) == Answer("can", 1, ASK)


@pytest.mark.parametrize("values", [{"memory": 0}, {"dwell": -1}, {"dwell": math.nan}, {"margin": 0.6}])
def test_settings_out_of_range(values):
    with pytest.raises(RecycleNetError, match=f"{next(iter(values))} must lie between"):
        Steadiness(**values)
