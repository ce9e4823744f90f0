from __future__ import annotations

import numpy as np
import pytest

from spex_data.reports import read_results, render_report
from spex_data.reports.power import power, power_words
from tests.reports.conftest import GROUPS, entry, result, study


def judged(*, signal=4.0, seeds=0.5):
    """A target's entry of faithfulness.json."""
    return {
        "name": "null",
        "noise_ceiling": {"signal_variance": signal, "seed_variance": seeds, "n_seeds": 2.0},
    }


def one(interactions, **options):
    """A single target as results."""
    return read_results(study(GROUPS, [result("null", interactions, **options)])).targets[0]


class TestPower:
    """How large an interaction would have been found is said where none was."""

    def test_wider_intervals_find_only_larger_pairs(self):
        pairs = [(0, 1), (2, 3), (4, 5)]
        sizes = [
            power(one([entry(GROUPS, pair, 0.1, ci=ci) for pair in pairs]), None, n_groups=16).size
            for ci in (0.2, 0.4)
        ]
        assert sizes[1] == pytest.approx(2 * sizes[0])

    def test_four_times_the_masks_halve_it(self):
        few = one([], r2=0.5)
        many = one([], r2=0.5)
        object.__setattr__(many, "n_masks", 4 * few.n_masks)
        sizes = [power(target, judged(), n_groups=16).size for target in (few, many)]
        assert sizes[0] == pytest.approx(2 * sizes[1])

    def test_without_intervals_and_seeds_it_is_unknown(self):
        assert power(one([]), None, n_groups=16) is None
        assert "is unknown" in power_words(None, "value")

    def test_a_pair_of_that_size_is_told_from_noise_four_times_in_five(self):
        # By the estimate that it supposes: the mean of y times the pair's character, among all 120 pairs.
        rng = np.random.default_rng(0)
        masks, noise = 256, 1.3
        target = one([], r2=0.0)
        size = power(target, judged(signal=0.0, seeds=noise**2), n_groups=16).size
        pairs = [(i, j) for i in range(16) for j in range(i)]
        found = 0
        for _ in range(300):
            signs = rng.choice([-1.0, 1.0], (masks, 16))
            values = size / 4 * signs[:, 0] * signs[:, 1] + noise * rng.standard_normal(masks)
            scores = [
                abs(signs[:, i] * signs[:, j] @ values) / np.sqrt(masks) / values.std() for i, j in pairs
            ]
            found += scores[pairs.index((1, 0))] > 3.34  # two-sided p < .1 / 120
        assert found / 300 == pytest.approx(0.8, abs=0.1)


class TestPageOfNothing:
    """A page on which nothing was found says so plainly, with what would have been found."""

    def test_no_interaction_at_all(self):
        document = study(GROUPS, [result("null", [entry(GROUPS, (0,), 1.0)], r2=0.9)])
        text = render_report(document, judged={"targets": [judged()]}, units=["log-odds"])
        assert "No interaction was found" in text
        assert (
            "log-odds of the answer; in either direction) would have been found about four times in five"
            in text
        )

    def test_those_listed_were_not_told_from_chance(self):
        pairs = [{**entry(GROUPS, (0, place), 0.3), "reported": False} for place in range(1, 6)]
        text = render_report(study(GROUPS, [result("null", pairs)]))
        assert "No interaction was told from chance; those below may all be noise." in text

    def test_where_one_was_found_nothing_is_said_of_power(self, demo):
        assert "four times in five" not in render_report({**demo, "targets": demo["targets"][:1]})
