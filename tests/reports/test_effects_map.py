from __future__ import annotations

from spex_data.reports import read_results, render_report
from spex_data.reports.effects_map import MOST_COLUMNS, MOST_NUMBERS, effects_map
from tests.reports.conftest import GROUPS, entry, result, study


class TestEffectsMap:
    """The heat map is a table: its cells say sign and size without their colour."""

    def test_a_cell_has_the_sign_and_the_number_of_the_effect(self, demo):
        found = effects_map(read_results(demo))
        row = found.cells[found.groups.index(2)]
        assert (row[1].number, row[1].sign, row[1].shade[0]) == ("−1.9", "−", "m")

    def test_an_effect_that_is_not_known_is_not_0(self, demo):
        assert effects_map(read_results(demo)).cells[0][1] == effects_map(read_results(demo)).cells[15][0]
        assert effects_map(read_results(demo)).cells[0][1].number == "unknown"

    def test_a_giant_does_not_wash_out_the_others(self):
        alone = [entry(GROUPS, (group,), 1.0) for group in range(15)] + [entry(GROUPS, (15,), 1000.0)]
        found = effects_map(read_results(study(GROUPS, [result("asked", alone)])))
        assert {row[0].shade for row in found.cells} == {"p1", "p4"}

    def test_targets_of_a_cluster_stand_first(self, demo):
        assert effects_map(read_results(demo), first=(2, 0)).targets[:2] == (2, 0)

    def test_many_targets_are_cut_to_those_with_the_largest_effects(self):
        many = [result(f"asked {size}", [entry(GROUPS, (0,), float(size))]) for size in range(1, 101)]
        found = effects_map(read_results(study(GROUPS, many)))
        assert len(found.targets) == MOST_COLUMNS
        assert min(found.targets) == 100 - MOST_COLUMNS
        assert found.left_out == (0, 100 - MOST_COLUMNS)
        assert found.dense == (MOST_COLUMNS > MOST_NUMBERS)

    def test_one_target_has_no_map(self, demo):
        assert 'id="across"' not in render_report({**demo, "targets": demo["targets"][:1]})
        assert 'id="across"' in render_report(demo)
