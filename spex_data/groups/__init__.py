"""Groups of examples: the players whose interactions are looked for."""

from spex_data.groups.columns import by_column
from spex_data.groups.grouping import Grouping
from spex_data.groups.lists import Assignments, by_list, read_assignments
from spex_data.groups.splits import by_kmeans, by_shards

__all__ = [
    "Assignments",
    "Grouping",
    "by_column",
    "by_kmeans",
    "by_list",
    "by_shards",
    "read_assignments",
]
