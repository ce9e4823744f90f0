"""The `spex-data` command; Prefect, MLflow and torch are imported only by the commands that use them."""

from __future__ import annotations

import shlex
import sys

import click
from rich.console import Console

from flows.commands import all_commands
from flows.environment import be_quiet
from flows.interrupts import listen
from flows.stopping import Stopped
from spex_data.errors import OutageError, SpexDataError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="spex-data")
def cli() -> None:
    """Which groups of training examples act together in what a fine-tuned language model predicts."""


for _command in all_commands():
    cli.add_command(_command)


def main() -> None:
    """The entry point: exit 0 done, 2 wrong input, 1 a fault of ours or failed masks, 130 interrupted."""
    be_quiet()
    listen()
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.exceptions.Abort:
        _say_how_to_resume()
    except KeyboardInterrupt:
        _say_how_to_resume()
    except Stopped as stop:
        _say_how_to_resume(str(stop))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SpexDataError as error:
        from flows.terminal import print_error

        print_error(Console(stderr=True), error)
        sys.exit(1 if isinstance(error, OutageError) else 2)
    except Exception as error:
        from flows.faults import PREFECT, explain
        from flows.terminal import print_error

        explained = explain(error)
        if explained is None:
            raise
        print_error(Console(stderr=True), explained)
        if explained.where == PREFECT:
            from flows.watching import leave_at_once

            leave_at_once(1)
        sys.exit(1)


def _say_how_to_resume(why: str = "\ninterrupted; what was measured is kept") -> None:
    words = shlex.join(["spex-data", *sys.argv[1:]])
    click.echo(f"{why}, and this goes on from there:\n  {words}", err=True)
    sys.exit(INTERRUPTED)
