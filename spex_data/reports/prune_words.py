"""What came of pruning, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def prune_words(document: Mapping[str, Any]) -> list[str]:
    """What came of pruning, a line a size.

    Args:
        document: Of prune.json.
    """
    lines = []
    for one in document["sizes"]:
        found, drawn = one["expansion"], one["random"]
        lines.append(
            f"keep {one['kept']} of {document['components']}: {document['output']} {found['value']:.4g}"
            f" by the expansion; {one['magnitude']['value']:.4g} by magnitude, {drawn['best']:.4g} the best"
            f" and {drawn['mean']:.4g} the mean of {drawn['draws']} random; {document['whole']:.4g} whole"
        )
    return lines
