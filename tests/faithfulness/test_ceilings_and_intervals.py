"""Spearman's ceiling, bootstrap intervals, and what to spend more fine-tunes on."""

import numpy as np
import pytest

from spex_data.faithfulness import (
    allocation,
    noise_ceiling,
    r2,
    rank_ceiling,
    score_interval,
    spearman,
)


def replicates(n_masks, n_seeds, noise, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n_masks, 1))
    return truth, truth + noise * rng.normal(size=(n_masks, n_seeds))


class TestRankCeiling:
    """What a perfect predictor's Spearman correlation would be."""

    @pytest.mark.parametrize(("noise", "n_seeds"), [(0.3, 2), (1.0, 2), (1.0, 6)])
    def test_it_is_what_the_truth_itself_reaches(self, noise, n_seeds):
        truth, table = replicates(800, n_seeds, noise)
        reached = spearman(table.mean(axis=1), truth[:, 0])
        assert rank_ceiling(table).value == pytest.approx(reached, abs=0.03)

    def test_studies_with_as_many_masks_scatter_within_its_interval(self):
        reached, covered = [], 0
        for seed in range(40):
            truth, table = replicates(40, 3, 0.8, seed)
            low, high = rank_ceiling(table, seed=seed).ci
            reached.append(spearman(table.mean(axis=1), truth[:, 0]))
            covered += low <= reached[-1] <= high
        assert covered >= 26

    @pytest.mark.parametrize("table", [np.ones((5, 1)), np.zeros((0, 2)), np.full((6, 2), 3.0)])
    def test_it_is_unknown_where_the_noise_ceiling_is(self, table):
        assert rank_ceiling(table).value is None

    def test_pure_noise_leaves_nothing(self):
        table = np.array([[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0]])
        assert rank_ceiling(table).value == 0.0


class TestIntervals:
    """Bootstrap intervals of scores, over masks."""

    def test_it_holds_the_score_and_narrows_with_more_masks(self):
        rng = np.random.default_rng(1)
        widths = []
        for m in (30, 1000):
            y = rng.normal(size=m)
            guess = y + 0.5 * rng.normal(size=m)
            low, high = score_interval(r2, y, guess)
            assert low < r2(y, guess) < high
            widths.append(high - low)
        assert widths[1] < widths[0] / 2

    def test_it_is_unknown_with_too_few_masks_or_a_constant_target(self):
        assert score_interval(r2, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) is None
        assert score_interval(spearman, np.ones(20), np.arange(20.0)) is None


class TestAllocation:
    """More seeds or more masks."""

    @pytest.mark.parametrize(
        ("noise", "reached", "more"), [(0.1, 0.5, "masks"), (0.1, 0.98, "either"), (3.0, 0.1, "seeds")]
    )
    def test_what_falls_short_of_the_ceiling_wants_masks_and_a_low_ceiling_wants_seeds(
        self, noise, reached, more
    ):
        ceiling = noise_ceiling(replicates(300, 2, noise)[1])
        assert allocation(ceiling, reached).more == more

    def test_without_replicates_nothing_is_advised_but_to_measure_some(self):
        advised = allocation(noise_ceiling(np.arange(9.0)[:, None]), 0.5)
        assert (advised.more, advised.noise_share) == (None, None)
        assert "heldout_seeds" in advised.why
