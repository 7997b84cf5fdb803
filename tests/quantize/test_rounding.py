import numpy as np
import pytest

from recyclenet.quantize.rounding import round_nearest, round_together


def test_nearest_by_hand():
    weight = np.float32([[1.27, -0.634, 0.006], [0, 0, 0]])
    rounded = round_nearest(weight, np.float32([3, 4]))
    assert rounded.integers.tolist() == [[127, -63, 1], [0, 0, 0]]
    np.testing.assert_allclose(rounded.scale, [0.01, 1])
    np.testing.assert_allclose(rounded.floats(), [[1.27, -0.63, 0.01], [0, 0, 0]], atol=1e-6)
    assert rounded.bias.tolist() == [3, 4]


def test_inputs_that_are_always_the_same_leave_only_the_sum_to_be_right():
    # Each 0.004 rounds to nothing by itself; eight of them are 0.032, three steps of 0.01.
    weight = np.float32([[1.27] + [0.004] * 8])
    together = np.ones((1, 9, 9))
    rounded = round_together(weight, np.zeros(1, np.float32), np.zeros((1, 9)), together)
    assert abs(rounded.floats().sum() - weight.sum()) <= rounded.scale[0] / 2 + 1e-6
    assert abs(round_nearest(weight, np.zeros(1, np.float32)).floats().sum() - weight.sum()) > 0.03


@pytest.mark.parametrize(("groups", "shape"), [(1, (6, 8, 1, 1)), (6, (6, 1, 3, 3)), (2, (6, 4, 1, 1))])
def test_less_error_on_the_inputs_than_nearest_and_none_of_it_in_the_mean(groups, shape):
    rng = np.random.default_rng(1)
    weight = rng.normal(size=shape).astype(np.float32)
    bias = rng.normal(size=6).astype(np.float32)
    count = int(np.prod(shape[1:]))
    mixing = rng.normal(size=(groups, count, count)) + 3  # inputs that go together
    samples = rng.normal(size=(groups, 5000, count)) @ mixing + 2
    mean = samples.mean(axis=1)
    centred = samples - mean[:, None]
    covariance = centred.transpose(0, 2, 1) @ centred / 5000

    def outputs(weights, biases):
        rows = weights.reshape(groups, 6 // groups, count)
        return (samples @ rows.transpose(0, 2, 1)).transpose(0, 2, 1).reshape(6, -1) + biases[:, None]

    wanted = outputs(weight, bias)
    rounded, nearest = round_together(weight, bias, mean, covariance), round_nearest(weight, bias)
    error = outputs(rounded.floats(), rounded.bias) - wanted
    plain = outputs(nearest.floats(), nearest.bias) - wanted
    assert rounded.integers.shape == shape
    assert rounded.integers.dtype == np.int8
    np.testing.assert_allclose(error.mean(axis=1), 0, atol=1e-4)
    assert error.std() < 0.6 * plain.std()
