"""What a surrogate says, and what decoders make of it."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from spex_data.decoding import Simulated, decoder
from spex_data.decoding.auto import SURROGATE
from spex_data.decoding.basis import centred
from spex_data.decoding.gaussian.guide import guide
from spex_data.decoding.problem import checked_problem
from spex_data.decoding.surrogate_gp import SurrogateGp
from spex_data.decoding.walsh_gp import WalshGp
from spex_data.errors import DecodingError, StoreError
from spex_data.faithfulness import r2
from spex_data.spectra import MoebiusExpansion

N = 14
RNG = np.random.default_rng(3)
GAME = MoebiusExpansion.from_mapping(
    N, {(): 1.0, **{(i,): float(RNG.normal()) for i in range(N)}, (0, 1): -2.0, (2, 3): -2.0, (4, 5): 3.0}
).to_fourier()


def like_it(masks):
    """Redundancy and single groups as they are, no synergy, another scale, and a saturating twin."""
    value = GAME.evaluate(masks) - 3.0 * (masks[:, 4] & masks[:, 5])
    return np.stack([0.3 * value, np.tanh(0.3 * value)], axis=-1)


def drawn(m, seed=0, noise=0.5):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, N)) < 0.5
    return masks, GAME.evaluate(masks) + noise * rng.normal(size=m)


def simulated(say=like_it, q=400):
    masks = np.random.default_rng(99).random((q, N)) < 0.5
    return Simulated(masks, say(masks)[:, None, :])


def nonsense(masks):
    return np.random.default_rng(5).normal(size=(len(masks), 2))


def problem(m, features, seed=0):
    return replace(checked_problem(*drawn(m, seed)), features=features)


def score(fit):
    masks, values = drawn(800, seed=77, noise=0.0)
    return r2(values, fit.expansion.evaluate(masks))


class TestSimulated:
    """Values of masks by a surrogate, kept as numbers."""

    def test_they_are_the_same_after_saving_and_loading(self, tmp_path):
        told = simulated()
        told.save(tmp_path / "one.npz", ["a"])
        again = Simulated.load(tmp_path / "one.npz", ["a"])
        np.testing.assert_array_equal(again.masks, told.masks)
        np.testing.assert_array_equal(again.values, told.values)

    def test_those_of_other_targets_are_not_taken(self, tmp_path):
        simulated().save(tmp_path / "one.npz", ["a"])
        assert Simulated.load(tmp_path / "one.npz", ["b"]) is None

    def test_a_file_of_something_else_is_refused(self, tmp_path):
        (tmp_path / "one.npz").write_bytes(b"nothing of the kind")
        with pytest.raises(StoreError, match="holds no simulated values"):
            Simulated.load(tmp_path / "one.npz", ["a"])

    def test_values_that_are_not_finite_are_refused(self):
        with pytest.raises(DecodingError, match="not finite"):
            simulated(lambda masks: np.full((len(masks), 2), np.nan))

    def test_few_masks_are_refused(self):
        with pytest.raises(DecodingError, match="simulate at least 100"):
            simulated(q=50)

    def test_those_of_other_groups_are_refused(self):
        masks, values = drawn(60)
        with pytest.raises(DecodingError, match="are of 14 groups and 1 targets, and 13 and 1 are decoded"):
            decoder("auto").decode(masks[:, 1:], values, features=simulated())


class TestGuide:
    """Readings as expansions."""

    @staticmethod
    def expanded(told, order):
        factors = centred(0.5).factors(told.masks)
        return guide(factors, told.values[:, 0], order, np.random.default_rng(0))

    def test_an_expansion_of_low_order_is_told_exactly(self):
        found = self.expanded(simulated(q=600), 2)
        masks = np.random.default_rng(1).random((200, N)) < 0.5
        rows = found.rows(centred(0.5).factors(masks))[:, 0]
        assert found.fidelity[0] > 0.999
        assert np.corrcoef(rows, like_it(masks)[:, 0])[0, 1] > 0.999

    def test_a_function_of_a_few_of_many_groups_is_told_from_few_masks(self):
        masks = np.random.default_rng(2).random((500, 40)) < 0.5
        said = np.tanh(masks[:, :4] @ [2.0, 1.0, -2.0, 1.0] - 1.0)
        found = self.expanded(Simulated(masks, np.stack([said, 2 * said + 1], axis=-1)[:, None]), 3)
        assert found.fidelity.min() > 0.95

    def test_its_coefficients_are_what_it_says_of_masks(self):
        found, basis = self.expanded(simulated(), 3), centred(0.5)
        terms = [term for size in (1, 2, 3) for term in combinations(range(N), size)]
        masks = np.random.default_rng(1).random((50, N)) < 0.5
        rows = basis.columns(masks, terms) @ found.coefficients(terms)
        np.testing.assert_allclose(rows, found.rows(basis.factors(masks)), atol=1e-9)

    def test_a_reading_that_never_varies_says_nothing(self):
        told = simulated(lambda masks: np.stack([like_it(masks)[:, 0], np.ones(len(masks))], axis=-1))
        assert np.all(self.expanded(told, 2).coefficients([(0,), (0, 1)])[:, 1] == 0)


class TestListening:
    """A process that listens as far as the values bear it out."""

    def test_few_masks_then_do_what_many_would(self):
        plain = score(WalshGp().fit(problem(40, None))[0])
        guided = score(SurrogateGp().fit(problem(40, simulated()))[0])
        assert 1 - guided < 0.7 * (1 - plain)

    def test_nonsense_does_no_harm(self):
        for seed in range(2):
            plain = score(WalshGp().fit(problem(80, None, seed))[0])
            assert score(SurrogateGp().fit(problem(80, simulated(nonsense), seed))[0]) > plain - 0.05

    def test_a_synergy_that_the_surrogate_denies_is_found_all_the_same(self):
        found = SurrogateGp().fit(problem(150, simulated()))[0].expansion
        derivative = found.discrete_derivative((4, 5), lambda order: float(order == 0))
        assert float(np.atleast_1d(derivative)[0]) == pytest.approx(3.0, abs=0.8)

    def test_without_folds_it_predicts_what_it_says_out_of_fold(self):
        whole = problem(60, simulated())
        fit = SurrogateGp().fit(whole)[0]
        np.testing.assert_allclose(fit.folds.predict(whole.masks), fit.out_of_fold, atol=0.05)

    def test_it_needs_something_to_listen_to(self):
        with pytest.raises(DecodingError, match="needs what a surrogate says"):
            SurrogateGp().fit(problem(40, None))


class TestBlend:
    """`auto` with and without, whichever is better out of fold."""

    def test_it_says_what_became_of_the_surrogate(self):
        masks, values = drawn(40)
        found = decoder("auto").decode(masks, values, features=simulated()).diagnostics
        assert found.settings["surrogate"] == "used"
        assert found.settings[f"weight of {SURROGATE}"] > 0
        assert found.settings["cv_r2_with_surrogate"] > found.settings["cv_r2_without_surrogate"]

    def test_nonsense_leaves_the_plain_blend_nearly_as_it_was(self):
        masks, values = drawn(100, noise=0.1)
        unseen, truth = drawn(800, seed=77, noise=0.0)
        plain = decoder("auto").decode(masks, values)
        guided = decoder("auto").decode(masks, values, features=simulated(nonsense))
        assert r2(truth, guided.evaluate(unseen)) > r2(truth, plain.evaluate(unseen)) - 0.01

    def test_each_target_decides_for_itself(self):
        masks, values = drawn(40)
        told, nothing = simulated(), simulated(nonsense)
        both = Simulated(told.masks, np.concatenate([told.values, nothing.values], axis=1))
        found = decoder("auto").decode(masks, np.stack([values, values], axis=1), features=both).diagnostics
        for one in found:
            within, without = (one.settings[f"cv_r2_{which}_surrogate"] for which in ("with", "without"))
            better = 1 - within < 0.99 * (1 - without)
            assert one.settings["surrogate"] == ("used" if better else "left out")
            assert one.cv_r2 == (within if better else without)
        assert found[0].settings["surrogate"] == "used"
        assert found[0].cv_r2 > found[1].cv_r2

    def test_groups_that_never_vary_and_constant_targets_do_not_matter(self):
        masks, values = drawn(60)
        masks[:, 9] = True
        both = np.stack([np.ones(60), values], axis=1)
        told = simulated()
        told = Simulated(told.masks, np.concatenate([told.values, told.values], axis=1))
        found = decoder("auto").decode(masks, both, features=told)
        assert found.coefficient((9,))[1] == 0
        assert found.diagnostics[1].settings["surrogate"] in ("used", "left out")
