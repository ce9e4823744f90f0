"""The list of sets that are reported."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.decoding import decoder
from spex_data.decoding.uncertainty.discoveries import (
    discoveries,
    expected_false,
    pointed_at,
    q_values,
    with_phantoms,
)
from spex_data.errors import DecodingError
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion

GAME = FourierExpansion.from_mapping(
    12, {(0,): 1.0, (1,): 1.0, (0, 1): 1.0, (2, 3): 0.8, (4, 5): -0.8, (6, 7, 8): 0.8, (9, 10): 0.7}
)
TRUE = {(0, 1), (2, 3), (4, 5), (6, 7, 8), (9, 10)}


def decoded(m, p=0.5, seed=0, scale=1.0, noise=0.5, name="fast"):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, 12)) < p
    values = scale * GAME.evaluate(masks) + noise * rng.normal(size=m)
    return decoder(name).decode(masks, values, design=MaskDistribution("bernoulli", 12, p))


class TestQValues:
    """The false discovery rate at which a set is reported."""

    @given(
        st.lists(st.floats(0, 10), min_size=1, max_size=20),
        st.lists(st.floats(0, 10), max_size=50),
        st.floats(0.01, 2),
    )
    def test_a_larger_statistic_never_has_a_larger_q(self, statistics, phantoms, ratio):
        expected = expected_false(np.array(statistics), np.array(phantoms), ratio, least=0.0)
        found = q_values(expected, 1)
        order = np.argsort(-np.array(statistics))
        assert (np.diff(found[order]) >= 0).all()
        assert ((found > 0) & (found <= 1)).all()

    def test_it_is_the_estimated_share_of_sets_without_effect(self):
        # above 5, 4 and 1 are no, three and three phantom sets
        expected = expected_false(np.array([1.0, 5.0, 4.0]), np.array([4.5, 4.4, 4.3]), 0.1, least=2.0)
        assert expected == pytest.approx([np.inf, 0.1, 0.4])
        assert q_values(expected, 1) == pytest.approx([1.0, 0.1, 0.2])
        assert q_values(expected, 2) == pytest.approx([1.0, 0.2, 0.4])


class TestPhantoms:
    """Groups that no example belongs to."""

    @pytest.mark.parametrize("scheme", ["bernoulli", "stratified"])
    def test_sets_with_one_of_them_look_like_nothing(self, scheme):
        found = decoded(200)
        fit = found.cross_fits[0]
        if scheme == "stratified":
            law = MaskDistribution("stratified", 12)
            rng = np.random.default_rng(0)
            masks = rng.random((300, 12)) < rng.random((300, 1))
            values = GAME.evaluate(masks) + rng.normal(size=300)
            fit = decoder("fast").decode(masks, values, design=law).cross_fits[0]
        ghosts = with_phantoms(fit, 300, np.random.default_rng(1))
        assert ghosts.fitted(3).get((0, 1), 0.0) == 0.0
        terms = [(group % 12, 12 + group) for group in range(300)]
        large = (ghosts.estimates(terms).statistics > 1.645).mean()
        assert large < 0.1 + 4 * np.sqrt(0.09 / 300)

    def test_all_and_only_sets_with_exactly_one_of_them_are_looked_at(self):
        ghosts = with_phantoms(decoded(200).cross_fits[0], 5, np.random.default_rng(0))
        for order in (1, 2, 3):
            found = [term for part in pointed_at(ghosts, order, 0.0, n_real=12) for term in part]
            assert len(set(found)) == len(found) == 5 * comb(12, order - 1)
            assert all(sum(member >= 12 for member in term) == 1 for term in found)


class TestReported:
    """Decoded.interactions with a false discovery rate."""

    def test_with_enough_masks_what_was_planted_is_reported(self):
        found = decoded(500).interactions(fdr=0.1)
        assert {each.members for each in found if each.reported} >= TRUE

    def test_reported_is_what_has_a_q_of_at_most_the_rate(self):
        found = decoded(150).interactions(fdr=0.2)
        assert all(each.reported == (each.q <= 0.2) for each in found)

    def test_a_set_that_the_fit_does_not_hold_is_reported_too(self):
        found = decoded(400, name="linear").interactions(fdr=0.1)
        assert {each.members for each in found if each.reported and each.order == 2} >= {(0, 1), (2, 3)}

    def test_of_noise_alone_a_list_is_reported_no_more_often_than_at_the_rate(self):
        count = 0
        for seed in range(60):
            found = decoded(100, seed=seed, scale=0.0, name="linear").interactions(fdr=0.1)
            count += any(each.reported for each in found if each.order > 1)
        assert count / 60 <= 0.1 + 3 * np.sqrt(0.09 / 60)

    def test_few_of_those_reported_were_not_planted_and_their_intervals_cover(self):
        false, inside, count = [], 0, 0
        moment = MaskDistribution("bernoulli", 12, 0.5).parity_moment
        for seed in range(30):
            found = decoded(130, seed=seed, noise=1.0, name="linear").interactions(fdr=0.1)
            reported = [each for each in found if each.reported and each.order > 1]
            false.append(np.mean([each.members not in TRUE for each in reported] or [0.0]))
            for each in reported:
                count += 1
                inside += each.ci[0] <= GAME.discrete_derivative(each.members, moment) <= each.ci[1]
        assert count > 50
        assert np.mean(false) <= 0.1 + 3 * np.std(false) / np.sqrt(len(false))
        assert abs(inside / count - 0.9) < 4 * np.sqrt(0.09 / count)

    def test_without_a_rate_nothing_is_tested(self):
        assert {(each.q, each.reported) for each in decoded(150).interactions()} == {(None, None)}

    def test_masks_of_another_law_are_not_tested(self):
        rng = np.random.default_rng(0)
        masks = rng.random((200, 12)) < np.linspace(0.1, 0.9, 12)
        values = GAME.evaluate(masks) + rng.normal(size=200)
        found = decoder("fast").decode(masks, values)
        assert found.estimate((0, 1)) is None
        assert all(each.q is None and each.ci is not None for each in found.interactions(fdr=0.1))

    @pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
    def test_a_rate_that_is_no_share_is_refused(self, rate):
        with pytest.raises(DecodingError, match=r"fdr: is .*write a number between 0 and 1"):
            decoded(50).interactions(fdr=rate)

    def test_more_sets_than_can_be_tested_are_left_out(self):
        assert discoveries(decoded(60).cross_fits[0], [13]).tests == ()
