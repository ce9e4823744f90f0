"""Groups given by the values of a column."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from spex_data.errors import GroupingError
from spex_data.groups.grouping import CORE, Grouping, make_grouping


def by_column(
    example_ids: Sequence[str], column_values: Sequence[str], *, core: Sequence[str] = ()
) -> Grouping:
    """One group for each value of a column, in order of first appearance.

    Args:
        example_ids: Distinct ids, one a row.
        column_values: The column's value in each row.
        core: Values whose rows are always trained on.

    Returns:
        The grouping, named by the values.

    Raises:
        GroupingError: If a value is blank, one of the core does not occur, or fewer than two groups result.
    """
    if len(example_ids) != len(column_values):
        raise GroupingError(
            f"there are {len(example_ids)} examples and {len(column_values)} values",
            instead="give one value an example",
        )
    blank = next((row for row, value in enumerate(column_values) if not value.strip()), None)
    if blank is not None:
        raise GroupingError(
            f"row {blank} has no value in the column that names the groups (the first row is row 0)",
            instead="fill it in, or leave the row out",
        )
    values = dict.fromkeys(column_values)
    for label in core:
        if label not in values:
            nearest = difflib.get_close_matches(label, values, 1) or list(values)[:1]
            raise GroupingError(
                f"the core is to hold {label!r}, which no example has",
                instead=f"did you mean {nearest[0]!r}?" if nearest else "leave it out",
            )
    names = [value for value in values if value not in core]
    number = {name: group for group, name in enumerate(names)}
    return make_grouping(example_ids, [number.get(value, CORE) for value in column_values], names)
