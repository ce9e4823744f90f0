"""`spex-data init`: a study proposed from one's own file."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import click

from flows.options import JSON
from spex_data.errors import ConfigError


@click.command()
@click.argument("data", type=click.Path())
@click.option("--test", type=click.Path(), help="File of the rows to explain; else rows are held back.")
@click.option("--out", type=click.Path(dir_okay=False), help="File to write; NAME.yaml by default.")
@click.option("--task", type=click.Choice(["classification", "causal-lm"]), help="If the guess is wrong.")
@click.option("--input", "inputs", metavar="COLUMN", help="Column of the text or prompt.")
@click.option("--answer", "answers", metavar="COLUMN", help="Column of the label or completion.")
@click.option("--group", metavar="COLUMN", help="Column whose values are the groups.")
@click.option("--model", help="The base model: a folder, an id on the hub, or minilm.")
@JSON
def init(
    data: str, test: str | None, out: str | None, model: str | None, json_wanted: bool, **given: Any
) -> None:
    """Propose a study of DATA (CSV, JSON lines or Parquet), and write it to a file that is not there yet."""
    from spex_data.data.files import read_file
    from spex_data.reports import as_json
    from spex_data.study import load_study
    from spex_data.study.columns import describe_columns, read_columns
    from spex_data.study.proposal import propose
    from spex_data.study.proposed_file import proposed_yaml

    name = _name(data)
    target = Path(out or f"{name}.yaml")
    cells = read_file(data).to_pydict()
    reading = read_columns(describe_columns(cells), source=data, **given)
    asked = None
    if test:
        from spex_data.data.selection import require_column

        table = read_file(test)
        for column in (reading.inputs, reading.answers):
            require_column(table, column, test)
        asked = table.to_pydict()
    proposal = propose(cells, reading, source=data, test=asked)
    text = proposed_yaml(
        proposal,
        name=name,
        train=_as_named(data),
        test=test and _as_named(test),
        config=str(target),
        model=model,
    )
    _write_new(target, text)
    load_study(str(target), ())
    document = {
        "config": str(target),
        "task": reading.task,
        "input": reading.inputs,
        "answer": reading.answers,
        "groups": {"by": proposal.by, "column": reading.group, "k": proposal.k, "count": proposal.n_groups},
        "examples": proposal.trained,
        "rows": proposal.available,
        "targets": list(proposal.targets),
        "held_back": proposal.held_back,
        "next": shlex.join(["spex-data", "plan", str(target)]),
    }
    if json_wanted:
        click.echo(as_json(document), nl=False)
        return
    groups = f"the values of {reading.group}" if proposal.by == "column" else proposal.by
    click.echo(f"task      {reading.task}: {reading.inputs} -> {reading.answers}")
    click.echo(f"examples  {proposal.trained:,} of {proposal.available:,} rows")
    click.echo(f"groups    {proposal.n_groups}, by {groups}")
    click.echo(f"targets   {len(proposal.targets)} rows of {test or 'the same file, held back'}")
    click.echo(f"written   {target}: every line may be changed")
    click.echo(f"next      {document['next']}")


def _name(data: str) -> str:
    """The study's name: the file's, without what no name of a folder should hold."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(data).name.partition(".")[0]).strip("-")
    return stem or "study"


def _as_named(source: str) -> str:
    """The path as the study is to hold it; absolute if it is not below this folder."""
    return source if "://" in source else os.path.normpath(source)


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigError(
            "is there already, and is not overwritten",
            where=str(path),
            instead="name another file with --out",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"cannot be written ({error.strerror})", where=str(path), instead="name another file with --out"
        ) from error
