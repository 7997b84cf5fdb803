import pytest

from recyclenet.webcam.rate import Rate


def test_of_the_last_two_seconds():
    now = 0.0
    rate = Rate(lambda: now)
    assert rate.per_second() == 0
    rate.tick()
    assert rate.per_second() == 0  # one moment has no rate
    for now in (0.25, 0.5, 0.75, 1.0):  # noqa: B007
        rate.tick()
    assert rate.per_second() == pytest.approx(4)  # 4 intervals in 1 s
    now = 2.75
    assert rate.per_second() == pytest.approx(4)  # 0.75 and 1.0 are left
    now = 10.0
    assert rate.per_second() == 0
