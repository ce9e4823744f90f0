"""Prefect flows: wiring only, one file a flow; and the `spex-data` command."""
