"""Options that several commands have."""

from __future__ import annotations

import click

SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one key, such as training.epochs=4.",
)
JSON = click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of tables.")
