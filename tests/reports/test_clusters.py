from __future__ import annotations

import pytest

from spex_data.reports import read_results, render_report, target_clusters
from tests.reports.conftest import GROUPS, entry, result, study


def targets(*sets):
    """A study whose targets have these interactions each, every one notable."""
    found = [
        [entry(GROUPS, members, value, kind="redundant") for members, value in one.items()] for one in sets
    ]
    return study(GROUPS, [result(f"asked {place}", one) for place, one in enumerate(found)])


class TestTargetClusters:
    """Targets that depend on the same interactions are one cluster."""

    def test_the_sign_and_the_scale_of_an_effect_do_not_part_targets(self):
        document = targets({(0, 1): -8.0}, {(0, 1): 2.0}, {(2, 3): 5.0}, {(2, 3): 5.5, (0, 1): 1.5})
        found = target_clusters(read_results(document))
        assert [one.targets for one in found] == [(0, 1), (2, 3)]
        assert found[0].spans == ((-8.0, 2.0),)

    def test_what_is_shared_by_less_than_half_is_not_named(self):
        document = targets({(0, 1): -8.0}, {(0, 1): 2.0}, {(0, 1): 5.0, (2, 3): 2.0})
        (found,) = target_clusters(read_results(document))
        assert [one.members for one in found.shared] == [(0, 1)]

    @pytest.mark.parametrize("sets", [({},), ({}, {}), ({(0, 1): 2.0}, {}), ({(0, 1): 2.0}, {(2, 3): 2.0})])
    def test_targets_that_share_nothing_are_in_none(self, sets):
        assert target_clusters(read_results(targets(*sets))) == ()

    def test_an_interaction_that_was_refuted_makes_no_cluster(self):
        document = targets({(0, 1): -8.0}, {(0, 1): 2.0})
        document["targets"][0]["interactions"][0]["verified"] = "refuted"
        assert target_clusters(read_results(document)) == ()

    def test_the_page_names_them(self):
        text = render_report(targets({(0, 1): -8.0}, {(0, 1): 2.0}))
        assert "lurn-manual × lurn-forum" in text.split("depend on the same interactions")[1]
        none = render_report(targets({(0, 1): 2.0}, {(2, 3): 2.0}))
        assert "no two targets share most of their interactions" in none
