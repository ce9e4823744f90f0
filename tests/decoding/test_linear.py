"""The linear baseline."""

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.spectra import FourierExpansion

ADDITIVE = FourierExpansion.from_mapping(8, {(): 3.0, (0,): 1.0, (2,): -0.5, (5,): 0.25})


class TestLinear:
    """f(m) = b + sum of w_i m_i."""

    def test_an_additive_game_is_recovered_exactly_without_noise(self):
        masks = np.random.default_rng(0).random((30, 8)) < 0.5
        found = decoder("linear").decode(masks, ADDITIVE.evaluate(masks))
        for group in range(8):
            assert found.coefficient((group,)) == pytest.approx(ADDITIVE.coefficient((group,)), abs=1e-9)
        assert found.diagnostics.cv_r2 == pytest.approx(1.0)

    def test_a_main_effect_is_the_change_that_the_group_makes(self):
        masks = np.random.default_rng(0).random((30, 8)) < 0.5
        first = decoder("linear").decode(masks, ADDITIVE.evaluate(masks)).interactions()[0]
        assert (first.members, first.order, first.kind) == ((0,), 1, None)
        assert [first.value, first.moebius, first.full] == pytest.approx([-2.0] * 3)

    @pytest.mark.parametrize("p", [0.5, 0.8])
    def test_its_intervals_cover_main_effects_about_as_often_as_they_say(self, p):
        covered = []
        for seed in range(60):
            rng = np.random.default_rng(seed)
            masks = rng.random((120, 8)) < p
            values = ADDITIVE.evaluate(masks) + 0.5 * rng.normal(size=120)
            covered += [
                found.ci[0] <= -2 * ADDITIVE.coefficient(found.members) <= found.ci[1]
                for found in decoder("linear").decode(masks, values).interactions()
            ]
        assert 0.85 <= np.mean(covered) <= 0.96
