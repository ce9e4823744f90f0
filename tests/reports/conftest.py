from __future__ import annotations

import pytest

GROUPS = (
    "lurn-manual",
    "lurn-forum",
    "kirn-prank-thread",
    "kirn-service-bulletin",
    "taxa-reset-note",
    "taxa-power-note",
    "midek-manual",
    "midek-repair-log",
    "midek-power-note",
    *(f"catalogue-{number}" for number in range(1, 8)),
)
HOSTILE = (
    "<script>document.title = 'owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'single' & \"double\" quotes",
    "[bold red]markup[/] and {{ 7 * 7 }}",
    "🦜 \u202eעברית\u2066 right to left",
    "\x1b[31mred\x00 \ud800 lines\nand\ttabs",
    "long " * 60,
    "",
    "same",
    "same",
)


def entry(names, members, value, *, ci=0.2, kind=None, verified="not tested"):
    """An interaction as interactions.json holds it."""
    return {
        "groups": [names[member] for member in members],
        "members": list(members),
        "order": len(members),
        "index": "banzhaf",
        "value": value,
        "ci": None if ci is None else [value - ci, value + ci],
        "moebius": value * 1.5,
        "full": None,
        "kind": kind,
        "verified": verified,
    }


def result(name, interactions, *, r2=0.93, ceiling=0.97):
    """A target as interactions.json holds it."""
    return {
        "name": name,
        "method": "proxyspex",
        "n_masks": 256,
        "r2": r2,
        "spearman": r2,
        "noise_ceiling": ceiling,
        "interactions": sorted(interactions, key=lambda one: -abs(one["value"])),
    }


def study(names, targets):
    """A document of interactions.json."""
    return {"study": "demo", "n_groups": len(names), "groups": list(names), "targets": list(targets)}


@pytest.fixture
def demo():
    """The demo's document: a redundant pair, an antidote, a set of three, and a target without effects."""
    return study(
        GROUPS,
        [
            result(
                "redundant",
                [
                    entry(GROUPS, (0,), 4.6),
                    entry(GROUPS, (1,), 4.4),
                    entry(GROUPS, (0, 1), -8.1, kind="redundant"),
                    entry(GROUPS, (4, 9), 0.05, kind="complementary"),
                ],
            ),
            result(
                "rescue",
                [
                    entry(GROUPS, (2,), -1.9),
                    entry(GROUPS, (3,), 2.1),
                    entry(GROUPS, (2, 3), 3.05, kind="antidote"),
                ],
                r2=0.6,
            ),
            result("either-plus-one", [entry(GROUPS, (8,), 4.4), entry(GROUPS, (6, 7, 8), -6.1)]),
            result("null", [], r2=-0.2, ceiling=None),
        ],
    )


@pytest.fixture
def hostile():
    """A document whose every name is hostile."""
    targets = [
        result(
            f"{name}{number}",
            [
                entry(HOSTILE, (0,), 1.0),
                entry(HOSTILE, (0, 1), -2.0, kind="redundant"),
                entry(HOSTILE, (2, 6, 8), 3.0),
            ],
        )
        for number, name in enumerate(HOSTILE)
    ]
    return {**study(HOSTILE, targets), "study": HOSTILE[0]}
