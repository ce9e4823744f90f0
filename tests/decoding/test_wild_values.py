"""What is noise that lies far out, and what is not."""

import numpy as np
import pytest

from spex_data.decoding.wild_values import drawn_in, within_fences


def noise(m=400, seed=0):
    return np.random.default_rng(seed).normal(size=(m, 1))


def middle(values):
    """Predicts the mean of the other rows for each row."""
    return (values.sum(axis=0) - values) / (len(values) - 1)


class TestWithinFences:
    """Only what lies far out moves, and only as far as the fence."""

    def test_a_value_far_out_comes_to_the_fence_on_its_side(self):
        values = np.linspace(-1.0, 1.0, 101)[:, None]
        values[0], values[100] = -50.0, 70.0
        moved = within_fences(values, np.zeros_like(values))
        low, high = np.quantile(values, [0.25, 0.75])
        assert moved[0, 0] == low - 3 * (high - low)
        assert moved[100, 0] == high + 3 * (high - low)
        assert (moved[1:100] == values[1:100]).all()

    def test_what_is_predicted_is_not_far_out(self):
        values = noise()
        predicted = np.zeros_like(values)
        values[:5] += 100.0
        predicted[:5] = 100.0
        assert (within_fences(values, predicted) == values).all()


class TestDrawnIn:
    """Values are drawn in where the rest is then predicted better."""

    def test_noise_without_wild_values_is_left_alone(self):
        values = noise()
        assert drawn_in(values, middle(values), middle) is values

    def test_wild_values_are_drawn_in_and_no_others(self):
        values = noise()
        values[[3, 50], 0] = 900.0, 1500.0
        found = drawn_in(values, middle(values), middle)
        assert np.flatnonzero(found[:, 0] != values[:, 0]).tolist() == [3, 50]
        assert np.abs(found).max() < 10

    def test_each_target_is_judged_by_itself(self):
        calm, wild = noise(seed=1), noise(seed=2)
        wild[7] = 1000.0
        both = np.hstack([calm, wild])
        found = drawn_in(both, middle(both), middle)
        assert (found[:, 0] == calm[:, 0]).all()
        assert found[7, 1] < 10

    def test_what_can_be_predicted_is_believed(self):
        values, rows = noise(), np.arange(400) < 20
        values[rows] += 40.0

        def predict(given):
            """Knows the two kinds of rows apart."""
            return np.where(rows[:, None], given[rows].mean(), given[~rows].mean())

        blind = middle(values)
        assert (within_fences(values, blind) != values).any()
        assert drawn_in(values, predict(values), predict) is values

    @pytest.mark.parametrize("odd", [1, 20])
    def test_where_half_of_the_values_are_one_the_others_are_no_noise(self, odd):
        values = np.zeros((100, 1))
        values[:odd] = 1.0
        assert drawn_in(values, middle(values), middle) is values
