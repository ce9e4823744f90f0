from __future__ import annotations

import numpy as np
import pytest

from spex_data.spectra import FourierExpansion
from spex_data.value_functions import Planted, find_components
from spex_data.value_functions.component_sites import find_component_sites
from spex_data.value_functions.magnitudes import component_magnitudes
from spex_data.value_functions.pruning import best_measured, measured_candidates, pruning_candidates
from tests.strategies import all_masks
from tests.training.tiny_models import tiny_model

GAME = FourierExpansion.from_mapping(5, {(0,): -1.0, (1,): -0.5, (2, 3): 2.0, (1, 4): 1.0, (0, 2, 4): -0.7})


class TestCandidates:
    """Every rule gives subsets of the size asked for, and the expansion's is its best."""

    def test_the_expansions_choice_is_the_best_of_all_subsets_of_that_size(self):
        for size in (1, 2, 3, 4):
            found = pruning_candidates(GAME, [size], draws=3, seed=0, magnitudes=np.arange(5.0))
            masks = all_masks(5)
            best = GAME.evaluate(masks[masks.sum(1) == size]).max()
            assert {int(one.mask.sum()) for one in found} == {size}
            assert found[0].rule == "expansion"
            assert found[0].predicted == pytest.approx(best)
            assert found[0].proven

    def test_fewer_terms_are_trusted_in_turn_down_to_single_effects(self):
        found = pruning_candidates(GAME, [2], draws=1, seed=0)
        trusted = {one.joint_terms: one.mask.tolist() for one in found if one.rule == "expansion"}
        assert list(trusted) == [None, 0]  # the game has three joint terms: 64 or 16 of them would be all
        (single,) = [one.mask.tolist() for one in found if one.rule == "single effects"]
        assert trusted[0] == single

    def test_what_is_measured_decides_which_of_them_is_taken(self):
        found = pruning_candidates(GAME, [1, 2], draws=1, seed=0)
        mine = [place for place, one in enumerate(found) if (one.rule, one.kept) == ("expansion", 2)]
        for best in mine:
            values = np.full(len(found), 5.0)
            values[mine] = 0.0
            values[best] = 1.0
            assert best_measured(found, values, "expansion", 2) == best

    def test_magnitude_and_single_effects_keep_the_largest(self):
        chosen = pruning_candidates(GAME, [2], draws=1, seed=0, magnitudes=np.arange(5.0))
        found = {one.rule: one.mask for one in chosen}
        assert np.flatnonzero(found["magnitude"]).tolist() == [3, 4]
        assert np.flatnonzero(found["single effects"]).tolist() == [0, 1]

    def test_other_sizes_do_not_change_what_is_drawn(self):
        alone = pruning_candidates(GAME, [2], draws=4, seed=3)
        both = [one for one in pruning_candidates(GAME, [1, 2], draws=4, seed=3) if one.kept == 2]
        assert [one.mask.tolist() for one in alone] == [one.mask.tolist() for one in both]


class TestMeasured:
    """Every candidate has its own real value, in the order of the candidates."""

    def test_values_are_those_of_the_masks_and_equal_masks_are_measured_once(self):
        asked = []

        class Counting(Planted):
            def __call__(self, masks, seeds):
                asked.append(len(masks))
                return super().__call__(masks, seeds)

        found = pruning_candidates(GAME, [1, 4], draws=20, seed=0)
        values = measured_candidates(Counting(GAME), found, 0)
        assert np.allclose(values, GAME.evaluate(np.array([one.mask for one in found])))
        assert sum(asked) <= 10 < len(found)


class TestMagnitudes:
    """A component's magnitude is that of its own part of the output projection."""

    @pytest.mark.parametrize("kind", ["bert", "llama"])
    def test_scaling_one_heads_weights_scales_its_magnitude_alone(self, kind):
        base = tiny_model(kind)
        components = find_components(base, mlps=True)
        before = component_magnitudes(base, components)
        assert (before > 0).all()
        place = [component.name for component in components].index("L1 H1")
        weight = base.model.get_submodule(find_component_sites(base).attention[1]).weight
        width = weight.shape[1] // base.model.config.num_attention_heads
        weight.data[:, width : 2 * width] *= 3.0
        ratio = component_magnitudes(base, components) / before
        assert ratio[place] == pytest.approx(3.0)
        assert np.allclose(np.delete(ratio, place), 1.0)
