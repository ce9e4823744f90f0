"""Planted studies: their truth is the function's."""

import numpy as np
import pytest

from spex_data.errors import ConfigError
from spex_data.value_functions.planted_families import FAMILIES, planted_study
from tests.strategies import all_masks


class TestPlantedStudies:
    """Shapes that training data take, on groups of their own."""

    @pytest.mark.parametrize("family", FAMILIES)
    def test_the_truth_named_is_the_moebius_transform_of_the_function(self, family):
        study = planted_study((family,), n_groups=8, difficulty=0.2, noise_sd=0.0, seed=3)
        exact = study.function.expansion.to_moebius()
        for term, values in zip(exact.terms, exact.coefficients, strict=True):
            if len(term) > 1:
                assert values[0] == pytest.approx(study.truth[0].get(term, 0.0), abs=1e-9)

    def test_values_are_the_shapes_between_nothing_and_the_swing(self):
        study = planted_study(("redundancy", "backdoor"), n_groups=8, swing=5.0, noise_sd=0.0)
        masks = all_masks(8)
        values = study.function(masks, np.zeros(len(masks), np.int64)).values
        either = masks[:, list(study.roles[0])].any(axis=1)
        both = masks[:, list(study.roles[1])].all(axis=1)
        np.testing.assert_allclose(values, 5.0 * np.column_stack([either, ~both]), atol=1e-9)

    def test_stories_share_no_group(self):
        study = planted_study(tuple(FAMILIES), n_groups=64)
        members = [group for story in study.roles for group in story]
        assert len(set(members)) == len(members)

    @pytest.mark.parametrize("n_groups", [7, 65, 8])
    def test_sizes_that_the_stories_do_not_fit_are_refused(self, n_groups):
        with pytest.raises(ConfigError, match="n_groups"):
            planted_study(tuple(FAMILIES), n_groups=n_groups)
