"""Where the graph of a target has its groups, and the numbers of its interactions; in inches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from spex_data.reports.results import Effect

_NEAREST, _ROW, _COLUMN = 1.25, 0.95, 2.1
"""Between neighbours on the circle, rows and columns beneath it."""
_ROOM, _PAST = 0.5, 0.3
"""Around a number, and between a box and the lines of another."""
Point = NDArray[np.float64]
_SHIFTS = np.array(
    [
        (reach * math.cos(angle), reach * math.sin(angle))
        for reach in (0.0, 0.3, 0.5)
        for angle in (np.arange(8) * math.pi / 4 if reach else (0.0,))
    ]
)


def neighbours_together(interactions: Sequence[Effect]) -> list[int]:
    """Groups in an order in which those that interact stand near each other."""
    graph = nx.Graph()
    for effect in interactions:
        nx.add_path(graph, effect.members)
        if effect.order > 2:
            nx.add_cycle(graph, effect.members)
    order: list[int] = []
    for part in sorted(nx.connected_components(graph), key=lambda one: (-len(one), min(one))):
        start = min(part, key=lambda one: (graph.degree(one), one))
        order += nx.dfs_preorder_nodes(graph, start, sort_neighbors=sorted)
    return order


def on_a_circle(order: Sequence[int]) -> dict[int, Point]:
    """As wide as neighbours need it; the first at the top, or two beside each other."""
    if not order:
        return {}
    count = len(order)
    radius = 1.4 if count <= 3 else max(1.4, _NEAREST / (2 * math.sin(math.pi / count)))
    first = math.pi if count == 2 else math.pi / 2
    layout = nx.circular_layout(nx.empty_graph(count), scale=radius)
    turn = np.array([[math.cos(first), math.sin(first)], [math.sin(first), -math.cos(first)]])
    return {group: np.asarray(layout[place]) @ turn for place, group in enumerate(order)}


def in_rows(groups: Sequence[int], *, top: float) -> dict[int, Point]:
    """Three a row, from the top down."""
    places = {}
    for place, group in enumerate(groups):
        row, column = divmod(place, 3)
        in_row = min(len(groups) - 3 * row, 3)
        places[group] = np.array([_COLUMN * (column - (in_row - 1) / 2), top - _ROW * row])
    return places


def along(start: Point, end: Point, parts: Sequence[float] = (0.3, 0.5, 0.7)) -> list[Point]:
    """Points on the way from one to the other."""
    return [start + part * (end - start) for part in parts]


def free_middle(start: Point, end: Point, taken: Sequence[Point]) -> Point:
    """A place on a line for its number, as near to the middle as there is room."""
    spots = along(start, end, (0.5, 0.42, 0.58, 0.34, 0.66))
    return _freest(spots, [_room([spot], taken) for spot in spots])


def free_hub(ends: Sequence[Point], taken: Sequence[Point], hubs: Sequence[Point]) -> Point:
    """A place for the box of a set, near the middle of its groups, whose lines run past other boxes."""
    spots = list(np.mean(ends, axis=0) + _SHIFTS)
    rooms = []
    for spot in spots:
        lines = [point for end in ends for point in along(spot, end, (0.2, 0.35, 0.5, 0.65, 0.8))]
        rooms.append(min(_room([spot], taken), _room(lines, hubs) + _ROOM - _PAST))
    return _freest(spots, rooms)


def _room(points: Sequence[Point], taken: Sequence[Point]) -> float:
    """The least distance between two of them."""
    if not taken:
        return math.inf
    between = np.asarray(points)[:, None] - np.asarray(taken)[None]
    return float(np.hypot(between[..., 0], between[..., 1]).min())


def _freest(spots: Sequence[Point], rooms: Sequence[float]) -> Point:
    """The first with room around it, or the one that has most."""
    free = (spot for spot, room in zip(spots, rooms, strict=True) if room > _ROOM)
    return next(free, spots[int(np.argmax(rooms))])
