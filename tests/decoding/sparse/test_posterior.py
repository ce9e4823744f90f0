"""Walks among sets of atoms, and what they say together."""

from dataclasses import replace

import numpy as np
import pytest

from spex_data.decoding.atoms import Dictionary
from spex_data.decoding.basis import PARITY, PRESENT, centred
from spex_data.decoding.sparse.posterior import posterior
from spex_data.decoding.sparse.prior import size_prior
from spex_data.decoding.sparse.walk import Effort, walk
from spex_data.faithfulness import r2
from spex_data.spectra import MoebiusExpansion

EFFORT = Effort(rounds=3, settling=40, steps=60)


def crowded_ands(seed, n=64, m=256, p=0.8):
    """Every second group is in an AND with one other, and groups are present four times in five."""
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(n)[: n // 2].reshape(-1, 2)
    sizes = rng.choice([-1, 1], len(pairs)) * rng.uniform(0.5, 1.5, len(pairs))
    game = MoebiusExpansion.from_mapping(
        n, {tuple(sorted(pair)): float(size) for pair, size in zip(pairs.tolist(), sizes, strict=True)}
    ).to_fourier()
    masks, unseen = rng.random((m, n)) < p, rng.random((1000, n)) < p
    signal = game.evaluate(masks)
    values = signal + np.sqrt(signal.var() / 10) * rng.normal(size=m)
    return masks, values - values.mean(), unseen, game.evaluate(unseen)


def dictionary_of(masks, p):
    return Dictionary((centred(p), PRESENT, PARITY), (1.0 - 2.0 * masks).astype(np.float32))


class TestLogPosterior:
    """Walks are compared by the posterior of where they stayed longest."""

    def test_it_is_evidence_times_prior_from_their_definitions(self):
        masks, values, _, _ = crowded_ands(0, n=12, m=80)
        visited = walk(
            dictionary_of(masks, 0.8), values, 0.8, max_order=2, effort=EFFORT, rng=np.random.default_rng(0)
        )
        places = max(visited.states, key=lambda state: state[0])[1]
        pool, beside = visited.candidates, visited.background
        columns = np.hstack([pool.columns[:, places], beside.columns])
        variances = np.r_[np.full(len(places), 2.0), np.full(beside.columns.shape[1], beside.variance)]
        covariance = np.eye(len(values)) + (columns * variances) @ columns.T
        fit = values @ np.linalg.solve(covariance, values)
        expected = -0.5 * (len(values) - 1) * np.log(fit) - 0.5 * np.linalg.slogdet(covariance)[1]
        prior = size_prior(pool.sizes, 12, 3)
        active = np.zeros(len(pool.atoms), dtype=np.bool_)
        for place in places:
            expected += prior.log_odds(active)[place]
            active[place] = True
        assert visited.log_posterior == pytest.approx(expected, abs=1e-6)


class TestPosterior:
    """Walks that settled differently count as much as the posterior says."""

    def test_a_background_held_back_finds_ands_that_single_groups_would_explain(self):
        alone, together = [], []
        for seed in range(3):
            masks, values, unseen, truth = crowded_ands(seed)
            dictionary = dictionary_of(masks, 0.8)
            first = Effort(rounds=4, settling=60, steps=80, first=400)
            for efforts, scores in [
                ((first,), alone),
                ((first, replace(first, restraint=0.3)), together),
            ]:
                found = posterior(dictionary, values, 0.8, max_order=3, efforts=efforts, seed=(seed,))
                scores.append(r2(truth, found.mean.evaluate(unseen)))
        assert np.mean(together) > np.mean(alone) + 0.03

    def test_of_two_walks_the_far_less_probable_is_left_out(self):
        masks, values, _, _ = crowded_ands(4, n=16, m=200)
        dictionary = dictionary_of(masks, 0.8)
        hasty = Effort(rounds=1, settling=0, steps=1)
        one = posterior(dictionary, values, 0.8, max_order=2, efforts=(EFFORT,), seed=(1,))
        both = posterior(dictionary, values, 0.8, max_order=2, efforts=(EFFORT, hasty), seed=(1,))
        assert both.acting == one.acting
        assert both.n_atoms == one.n_atoms
