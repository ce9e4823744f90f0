"""The noise ceiling by random effects."""

import numpy as np
import pytest

from spex_data.faithfulness import noise_ceiling


def replicates(n_masks, n_seeds, noise, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_masks, 1)) + noise * rng.normal(size=(n_masks, n_seeds))


class TestNoiseCeiling:
    """sigma_f^2 / (sigma_f^2 + sigma_s^2 / K)."""

    def test_known_variances_are_recovered_from_many_masks(self):
        found = noise_ceiling(replicates(4000, 3, noise=0.7))
        assert found.signal_variance == pytest.approx(1.0, rel=0.06)
        assert found.seed_variance == pytest.approx(0.49, rel=0.06)
        assert found.value == pytest.approx(1 / (1 + 0.49 / 3), abs=0.01)

    def test_balanced_variances_are_the_textbook_mean_squares(self):
        table = replicates(9, 4, noise=1.0)
        means = table.mean(axis=1)
        within = table.var(axis=1, ddof=1).mean()
        found = noise_ceiling(table)
        assert found.seed_variance == pytest.approx(within)
        assert found.signal_variance == pytest.approx(max(means.var(ddof=1) - within / 4, 0.0))

    def test_missing_replicates_are_as_if_never_asked_for(self):
        table = replicates(50, 3, noise=0.5)
        ragged = table.copy()
        ragged[::2, 2] = np.nan
        gone = np.vstack([ragged, np.full((7, 3), np.nan)])
        wide = np.hstack([ragged, np.full((50, 2), np.nan)])
        assert noise_ceiling(gone) == noise_ceiling(wide) == noise_ceiling(ragged)
        assert noise_ceiling(ragged).n_seeds == pytest.approx(1 / (0.5 / 2 + 0.5 / 3))

    def test_more_seeds_raise_the_ceiling_of_the_same_variances(self):
        table = replicates(200, 2, noise=1.0)
        values = [noise_ceiling(table, n_seeds=k).value for k in (1, 2, 8)]
        assert values == sorted(values)
        assert noise_ceiling(table, n_seeds=2).value == noise_ceiling(table).value

    def test_values_without_noise_have_a_ceiling_of_one(self):
        assert noise_ceiling(np.repeat(np.arange(5.0)[:, None], 2, axis=1)).value == 1.0

    def test_noise_without_signal_has_a_ceiling_of_nearly_zero(self):
        assert noise_ceiling(np.random.default_rng(1).normal(size=(500, 4))).value < 0.3

    @pytest.mark.parametrize(
        "table", [np.zeros((0, 2)), np.ones((1, 3)), np.arange(8.0)[:, None], np.full((4, 2), 3.0)]
    )
    def test_it_is_unknown_without_repeats_or_variance(self, table):
        found = noise_ceiling(table)
        assert (found.value, found.ci) == (None, None)

    def test_its_interval_covers_the_truth_about_as_often_as_it_says(self):
        truth = 1 / (1 + 0.5 / 2)
        found = [noise_ceiling(replicates(60, 2, noise=np.sqrt(0.5), seed=seed)).ci for seed in range(150)]
        assert 0.82 <= np.mean([low <= truth <= high for low, high in found]) <= 0.97

    def test_the_same_seed_gives_the_same_interval(self):
        table = replicates(30, 2, noise=1.0)
        assert noise_ceiling(table, seed=3).ci == noise_ceiling(table, seed=3).ci
        assert noise_ceiling(table, seed=3).ci != noise_ceiling(table, seed=4).ci
