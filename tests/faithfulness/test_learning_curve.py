from __future__ import annotations

import numpy as np
import pytest

from spex_data.faithfulness import LearningCurve, learning_curve


def fit_with_error(values, error):
    """A decoder whose mean squared error on other rows is error(number of rows); values of unit variance."""

    def fit(inside):
        wrong = np.sqrt(error(len(inside)))
        signs = np.where(np.arange(len(values)) % 2, 1.0, -1.0)
        return lambda outside: values[outside] + wrong * signs[outside, None]

    return fit


def unit_values(count, seed=0):
    values = np.random.default_rng(seed).normal(size=(count, 1))
    return (values - values.mean()) / values.std()


class TestLearningCurve:
    """The curve is the power law that the parts follow, and never says more than seeds allow."""

    def test_a_power_law_is_found_and_carried_on(self):
        values = unit_values(400)
        curve = learning_curve(values, fit_with_error(values, lambda m: 20.0 / m), repeats=8)
        assert curve is not None
        assert curve.slope == pytest.approx(1.0, abs=0.2)
        r2, low, high = curve.expected(800)
        assert r2 == pytest.approx(1 - 20 / 800, abs=0.01)
        assert low < r2 < high

    def test_what_seeds_allow_bounds_it(self):
        values = unit_values(200)
        noisy = fit_with_error(values, lambda m: 0.2 + 5.0 / m)
        curve = learning_curve(values, noisy, ceilings=[0.9], single_ceilings=[0.8])
        assert curve is not None
        assert curve.expected(10**6)[2] <= 0.9
        assert curve.shares[-1] > 0.9

    def test_intervals_widen_beyond_the_masks_at_hand(self):
        curve = LearningCurve((32, 64), (0.5, 0.7), level=np.log(0.3 * 64), slope=1.0, scatter=0.1,
                              measured=64, ceiling=1.0)  # fmt: skip
        logs = [np.log((1 - low) / (1 - high)) for _, low, high in map(curve.expected, (64, 128, 256))]
        assert logs == sorted(logs)
        assert logs[0] < logs[2]
        assert [curve.expected(m)[0] for m in (64, 128)] == pytest.approx([0.7, 0.85])

    def test_a_decoder_that_learns_nothing_promises_nothing(self):
        values = unit_values(200)
        curve = learning_curve(values, lambda inside: lambda outside: np.zeros((len(outside), 1)))
        assert curve is not None
        assert curve.expected(10_000)[0] < 0.1

    @pytest.mark.parametrize("values", [np.ones((100, 2)), unit_values(15)])
    def test_constant_values_or_few_masks_give_no_curve(self, values):
        assert learning_curve(values, fit_with_error(values, lambda m: 0.5)) is None
