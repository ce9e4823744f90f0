from __future__ import annotations

from itertools import pairwise

import numpy as np

from spex_data.reports.graph_places import along, free_hub, free_middle, on_a_circle

LEFT, RIGHT, BELOW = np.array([-1.4, 0.0]), np.array([1.4, 0.0]), np.array([0.0, -1.4])


class TestFreeMiddle:
    """The number of a pair stands on its line, off what is there already."""

    def test_it_is_the_middle_where_nothing_is_in_the_way(self):
        assert np.allclose(free_middle(LEFT, RIGHT, [LEFT, RIGHT]), (0, 0))

    def test_it_moves_along_the_line_where_something_is(self):
        found = free_middle(LEFT, RIGHT, [LEFT, RIGHT, np.zeros(2)])
        assert found[1] == 0
        assert abs(found[0]) > 0.2


class TestFreeHub:
    """The box of a set stands near the middle of its groups, and its lines run past other boxes."""

    def test_it_is_the_middle_where_nothing_is_in_the_way(self):
        ends = [LEFT, RIGHT, BELOW]
        assert np.allclose(free_hub(ends, ends, []), np.mean(ends, axis=0))

    def test_its_lines_do_not_run_through_the_box_of_another(self):
        ends = [LEFT, RIGHT, BELOW]
        other = np.array([0.6, -0.25])
        found = free_hub(ends, [*ends, other], [other])
        spots = [spot for end in ends for spot in along(found, end, np.linspace(0, 1, 50))]
        through = free_hub(ends, [*ends, other], [])
        before = [spot for end in ends for spot in along(through, end, np.linspace(0, 1, 50))]
        nearest, nearest_before = (min(np.hypot(*(one - other)) for one in all) for all in (spots, before))
        assert nearest > max(nearest_before, 0.2)


def test_neighbours_on_a_circle_have_room_for_their_names():
    places = list(on_a_circle(range(12)).values())
    assert min(np.hypot(*(one - other)) for one, other in pairwise(places)) > 1.2
