"""The Gaussian process against the regression that it is."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from spex_data.decoding import decoder, walsh_gp
from spex_data.decoding.basis import centred
from spex_data.decoding.gaussian import fit
from spex_data.decoding.gaussian.evidence import CONSTANT, Evidence
from spex_data.decoding.gaussian.fit import fit_gp, without_folds
from spex_data.decoding.gaussian.kernel import Scales, kernel
from spex_data.decoding.gaussian.support import GpSupport, prior_variances
from spex_data.faithfulness import r2
from spex_data.spectra import FourierExpansion, parity_matrix, products, superset_matrix

SMOOTH = FourierExpansion.from_mapping(
    10, {(): 5.0, **{pair: 0.3 + 0.1 * sum(pair) for pair in combinations(range(4), 2)}, (0,): 1.0, (3,): 1.0}
)


def drawn(m, noise, seed=0):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, 10)) < 0.5
    return masks, SMOOTH.evaluate(masks) + noise * rng.normal(size=m)


def scales_of(n, order, seed):
    rng = np.random.default_rng(seed)
    return Scales(rng.random(n), rng.random(order) + 0.1)


class TestKernel:
    """K is the sum over all sets."""

    @settings(deadline=None)
    @given(st.integers(2, 6), st.integers(1, 5), st.integers(0, 2**32 - 1))
    def test_it_is_the_covariance_of_the_sum_over_every_set(self, n, order, seed):
        order = min(order, n)
        rng = np.random.default_rng(seed)
        left, right, scales = rng.normal(size=(5, n)), rng.normal(size=(3, n)), scales_of(n, order, seed)
        terms = [term for size in range(1, order + 1) for term in combinations(range(n), size)]
        variances = prior_variances(terms, scales)
        expected = (products(left, terms) * variances) @ products(right, terms).T
        assert kernel(left, right, scales) == pytest.approx(expected, abs=1e-7)


class TestEvidence:
    """What the scales are chosen by."""

    @pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
    def test_its_gradient_is_that_of_its_value(self, order):
        rng = np.random.default_rng(order)
        evidence = Evidence(rng.normal(size=(25, 5)), rng.normal(size=25), order, 0.5 + rng.random(25))
        logs = evidence.centre + 0.3 * rng.normal(size=5 + order + 1)
        expected = approx_fprime(logs, lambda x: evidence.cost(x)[0], 1e-6)
        assert evidence.cost(logs)[1] == pytest.approx(expected, abs=1e-3)


class TestGpSupport:
    """Posterior variances."""

    def test_they_are_those_of_the_bayesian_regression_on_all_sets(self):
        masks, _ = drawn(30, 0.0)
        masks = masks[:, :4]
        scales, noise = scales_of(4, 2, 0), np.full(30, 0.3)
        terms = tuple(term for size in (1, 2) for term in combinations(range(4), size))
        basis = centred(0.4)
        support = GpSupport(4, basis, terms, 0.0, np.zeros(10), scales, noise, 2.0, np.arange(30))
        _, weights = superset_matrix(terms, lambda s, t: float(s == t and s > 0))
        halves = support.half_widths(masks, weights, 0.9)
        columns = np.hstack([np.ones((30, 1)), basis.columns(masks, terms)])
        prior = np.concatenate([[CONSTANT], prior_variances(terms, scales)])
        posterior = np.linalg.inv(np.diag(1 / prior) + columns.T @ columns / 0.3)
        assert halves == pytest.approx(2.0 * 1.6448536 * np.sqrt(np.diag(posterior)[1:]))


class TestWalshGp:
    """Smooth games from few masks."""

    def test_it_predicts_a_smooth_game_better_than_lasso_does(self):
        masks, values = drawn(60, 0.5)
        unseen, truth = drawn(500, 0.0, seed=1)
        ours, other = (
            r2(truth, decoder(name).decode(masks, values).evaluate(unseen)) for name in ("walsh-gp", "lasso")
        )
        assert ours > max(other, 0.6)

    def test_coefficients_are_the_posterior_means_that_it_predicts_by(self):
        masks, values = drawn(80, 0.3)
        found = decoder("walsh-gp").decode(masks, values)
        terms = found.expansion.terms
        sums = parity_matrix(masks, terms) @ [found.coefficient(term) for term in terms]
        assert found.evaluate(masks) == pytest.approx(sums)

    def test_a_few_wild_values_do_not_spoil_it(self):
        masks, values = drawn(150, 0.2)
        unseen, truth = drawn(500, 0.0, seed=1)
        values[::30] += 25.0
        found = decoder("walsh-gp").decode(masks, values)
        assert found.diagnostics.settings["student"] == 1
        assert r2(truth, found.evaluate(unseen)) > 0.8

    def test_noise_alone_is_predicted_by_nearly_its_mean(self):
        masks, _ = drawn(150, 0.0)
        values = np.random.default_rng(5).normal(size=150)
        assert decoder("walsh-gp").decode(masks, values).evaluate(masks).std() < 0.7

    def test_its_out_of_fold_r2_is_near_what_new_masks_give(self):
        masks, values = drawn(120, 0.8)
        unseen, truth = drawn(2000, 0.8, seed=9)
        found = decoder("walsh-gp").decode(masks, values)
        assert found.diagnostics.cv_r2 == pytest.approx(r2(truth, found.evaluate(unseen)), abs=0.12)

    def test_many_rows_are_solved_for_by_a_part_of_them(self, monkeypatch):
        monkeypatch.setattr(fit, "_TUNED_ROWS", 60)
        monkeypatch.setattr(walsh_gp, "SOLVED_ROWS", 120)
        masks, values = drawn(200, 0.1)
        unseen, truth = drawn(500, 0.0, seed=1)
        found = decoder("walsh-gp").decode(masks, values)
        assert r2(truth, found.evaluate(unseen)) > 0.9
        assert found.interactions()[0].ci is not None

    def test_the_order_falls_where_sets_would_be_too_many(self, monkeypatch):
        monkeypatch.setattr(fit, "_MOST_TERMS", 60)
        masks, values = drawn(100, 0.1)
        found = decoder("walsh-gp").decode(masks, values)
        assert max(map(len, found.expansion.terms)) == 2


class TestWithoutFolds:
    """What rows outside a fold say."""

    def test_with_many_rows_they_are_a_fit_without_the_fold_at_the_same_scales(self):
        masks, values = drawn(320, 1.0)
        factors, values = centred(0.5).factors(masks), (values - values.mean()) / values.std()
        rng, fold_of = np.random.default_rng(0), np.arange(320) % 5
        whole = fit_gp(factors, values, 2, rng)
        found = without_folds(whole, values, fold_of, 2, rng)[3]
        inside = fold_of != 3
        covariance = kernel(factors, factors, whole.posterior.scales) + CONSTANT + np.diag(whole.noise)
        expected = np.linalg.solve(covariance[np.ix_(inside, inside)], values[inside])
        assert found.weights == pytest.approx(expected)

    def test_with_few_rows_they_know_nothing_of_the_folds_values(self):
        masks, values = drawn(60, 1.0)
        factors, values = centred(0.5).factors(masks), (values - values.mean()) / values.std()
        fold_of = np.arange(60) % 5
        whole = fit_gp(factors, values, 2, np.random.default_rng(0))
        changed = np.where(fold_of == 0, values + 3.0, values)
        found, again = (
            without_folds(whole, given, fold_of, 2, np.random.default_rng(0))[0].predict(factors)
            for given in (values, changed)
        )
        assert found == pytest.approx(again)
