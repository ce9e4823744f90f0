"""Every decoder keeps the promises that all make."""

import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from spex_data.decoding import DEFAULT, NAMES, decoder
from spex_data.errors import DecodingError
from spex_data.masks import design_masks
from spex_data.spectra import FourierExpansion
from tests.strategies import all_masks

ADDITIVE = FourierExpansion.from_mapping(6, {(): 3.0, (0,): 1.0, (2,): -0.5, (5,): 0.25})


def decode(name, masks, values, **options):
    """With what the method needs to know of the masks: `spex` of their code, the others of nothing."""
    design = coded(np.shape(masks)[1]) if name == "spex" and np.shape(masks)[1] > 1 else None
    return decoder(name, **options).decode(masks, values, design=design)


@cache
def coded(n):
    return design_masks(n, scheme="spex", budget=1000, heldout=0)


def drawn(name, m, n=6, seed=0):
    """Masks that the method decodes: for `spex` those of a code, which may come twice, as chance has it."""
    rng = np.random.default_rng(seed)
    if name != "spex":
        return rng.random((m, n)) < 0.5
    masks = coded(n).training
    return masks[rng.integers(len(masks), size=m)]


def noisy_values(masks, noise=0.1, seed=0):
    rng = np.random.default_rng([seed, 1])
    return ADDITIVE.evaluate(masks) + noise * rng.normal(size=len(masks))


def noisy(name, m, noise=0.1, seed=0):
    masks = drawn(name, m, seed=seed)
    return masks, noisy_values(masks, noise, seed)


class TestDecoder:
    """Names and options are checked when asked for."""

    def test_an_unknown_method_names_the_known_ones(self):
        with pytest.raises(DecodingError, match="'shap'; write one of proxyspex, linear"):
            decoder("shap")

    def test_a_misspelt_method_is_told_its_name(self):
        with pytest.raises(DecodingError, match="did you mean proxyspex"):
            decoder("proxy-spex")

    def test_an_unknown_option_names_the_known_ones(self):
        with pytest.raises(DecodingError, match=r"depth: is not an option of proxyspex; write one of .*grid"):
            decoder("proxyspex", depth=4)

    def test_an_order_below_one_is_refused(self):
        with pytest.raises(DecodingError, match="max_order: is 0"):
            decoder(max_order=0)

    def test_the_default_is_one_of_the_names(self):
        assert decoder().name == DEFAULT
        assert DEFAULT in NAMES

    def test_features_are_refused_by_methods_that_cannot_use_them(self):
        masks, values = noisy("proxyspex", 20)
        with pytest.raises(DecodingError, match="proxyspex cannot use them"):
            decoder("proxyspex").decode(masks, values, features=masks)

    def test_importing_it_loads_neither_torch_nor_lightgbm(self):
        code = (
            "import sys, spex_data.decoding;"
            "print([name for name in ('torch', 'lightgbm', 'sklearn') if name in sys.modules])"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
class TestEveryMethod:
    """Promises that do not depend on the algorithm."""

    def test_the_same_seed_gives_the_same_bits(self, name):
        masks, values = noisy(name, 50)
        first, again = (decode(name, masks, values, seed=3) for _ in range(2))
        assert first.expansion.terms == again.expansion.terms
        assert np.array_equal(first.expansion.coefficients, again.expansion.coefficients)
        assert first.interactions() == again.interactions()

    def test_two_threads_give_the_same_as_one(self, name):
        masks, values = noisy(name, 80)
        one, two = (decode(name, masks, values, num_threads=k) for k in (1, 2))
        assert np.array_equal(one.evaluate(masks), two.evaluate(masks))

    def test_many_targets_are_each_what_they_are_alone(self, name):
        masks, values = noisy(name, 40)
        table = np.stack([values, values**2, np.full(40, 2.0)], axis=1)
        many = decode(name, masks, table)
        assert many.evaluate(masks).shape == (40, 3)
        for target in range(3):
            alone = decode(name, masks, table[:, target])
            assert many.evaluate(masks)[:, target] == pytest.approx(alone.evaluate(masks), abs=1e-9)
            assert many.coefficient((0,))[target] == pytest.approx(alone.coefficient((0,)), abs=1e-9)
            assert many.diagnostics[target].constant == alone.diagnostics.constant == (target == 2)
            found = many.interactions()[target]
            assert [i.members for i in found] == [i.members for i in alone.interactions()]

    def test_the_joint_expansion_predicts_what_the_result_does(self, name):
        masks, values = noisy(name, 40)
        many = decode(name, masks, np.stack([values, -(values**2)], axis=1))
        assert np.allclose(many.expansion.evaluate(masks), many.evaluate(masks), atol=1e-12)

    @pytest.mark.parametrize("value", [0.0, -3.5, 1e12])
    def test_constant_values_leave_their_mean_and_nothing_else(self, name, value):
        masks, _ = noisy(name, 20)
        found = decode(name, masks, np.full(20, value))
        assert found.evaluate(all_masks(6)) == pytest.approx(value)
        assert found.interactions() == []
        assert found.diagnostics.constant

    def test_units_and_offset_carry_through(self, name):
        masks, values = noisy(name, 60)
        found = decode(name, masks, values)
        moved = decode(name, masks, 1e-4 * values + 50.0)
        assert moved.evaluate(masks) == pytest.approx(1e-4 * found.evaluate(masks) + 50.0, abs=1e-7)

    @pytest.mark.parametrize("m", range(4, 26))
    def test_few_masks_do_not_crash_it(self, name, m):
        masks, values = noisy(name, 200, noise=1.0, seed=m)
        masks, rows = np.unique(masks, axis=0, return_index=True)
        found = decode(name, masks[:m], values[rows[:m]])
        assert np.isfinite(found.evaluate(all_masks(6))).all()
        assert all(np.isfinite(i.value) for i in found.interactions())

    def test_values_that_differ_in_one_row_alone_leave_finite_results(self, name):
        # without the fold of that row there is nothing to tell
        masks = np.unique(drawn(name, 200), axis=0)[:20]
        found = decode(name, masks, np.arange(20) == 5)
        assert np.isfinite(found.evaluate(all_masks(6))).all()
        assert np.isfinite(found.diagnostics.cv_r2 or 0.0)
        assert all(np.isfinite(i.value) for i in found.interactions(fdr=0.1))

    def test_a_group_always_on_or_off_has_no_effect(self, name):
        masks, values = noisy(name, 60)
        masks[:, 1], masks[:, 3] = True, False
        found = decode(name, masks, values)
        assert found.coefficient((1,)) == pytest.approx(0.0, abs=1e-12)
        assert not any({1, 3} & set(i.members) for i in found.interactions())

    def test_one_group_has_the_effect_that_its_two_masks_show(self, name):
        found = decode(name, [[0], [1]], [1.0, 4.0])
        assert found.evaluate([[0], [1]]) == pytest.approx([1.0, 4.0], abs=1e-4)
        assert [i.members for i in found.interactions()] == [(0,)]

    def test_more_groups_than_masks_do_not_crash_it(self, name):
        masks = drawn(name, 60, n=500)
        noise = 0.1 * np.random.default_rng(1).normal(size=60)
        found = decode(name, masks, masks[:, 7] + noise)
        assert found.interactions()[0].members == (7,)

    def test_masks_over_other_groups_are_not_evaluated(self, name):
        masks, values = noisy(name, 20)
        with pytest.raises(DecodingError, match="has 5 columns for 6 groups"):
            decode(name, masks, values).evaluate(masks[:, :5])

    def test_relabelling_the_groups_permutes_the_effects(self, name):
        masks, values = noisy(name, 200, noise=0.02)
        order = np.array([3, 5, 0, 1, 4, 2])
        found, moved = decode(name, masks, values), decode(name, masks[:, order], values)
        for group in range(6):
            place = int(np.flatnonzero(order == group)[0])
            assert moved.coefficient((place,)) == pytest.approx(found.coefficient((group,)), abs=0.02)
