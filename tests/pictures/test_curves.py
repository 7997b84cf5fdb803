import numpy as np

from recyclenet.pictures.curves import reliability_picture, risk_picture

BLUE = (0x15, 0x65, 0xC0)
PALE = (0xBB, 0xDE, 0xFB)


def pixels(picture):
    return np.asarray(picture)


def test_a_bar_is_as_high_as_its_share():
    found = pixels(reliability_picture([(0.25, 0.5, 0.5), (0.75, 1.0, 1.0)], "t"))
    column = lambda x: np.flatnonzero((found[:, round(70 + 400 * x)] == PALE).all(axis=1))  # noqa: E731
    assert abs(column(0.3).min() - (70 + 200)) <= 2
    assert abs(column(0.9).min() - 70) <= 2
    assert len(column(0.6)) == 0


def test_the_curve_goes_through_its_points():
    """The axis ends at 10 %, the next step above 8 %."""
    found = pixels(risk_picture([(0.25, 0.0), (0.5, 0.05), (1.0, 0.08)], "t"))
    rows = np.flatnonzero((found[:, 70 + 200] == BLUE).all(axis=1))
    assert abs(rows.mean() - (70 + 400 * 0.5)) <= 3
    assert (found[:, 70 + 50] == BLUE).all(axis=1).sum() == 0  # nothing before the first point


def test_no_mistakes_and_a_single_point_are_drawn():
    assert pixels(risk_picture([(1.0, 0.0)], "t")).shape == (540, 540, 3)
    assert (pixels(risk_picture([(0.5, 0.0), (1.0, 0.0)], "t")) == BLUE).all(axis=2).any()
