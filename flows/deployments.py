"""Deploying every flow of prefect.yaml: `python -m flows.deployments`, which `make deploy` calls.

Prefect stops at the first thing that is wrong and does not say where; here everything that is wrong with
schedules and work pools is said at once, before anything is deployed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.schedules import CronSchedule, RRuleSchedule
from pydantic import ValidationError
from rich.console import Console

from flows.environment import be_quiet
from flows.servers import require_prefect
from flows.terminal import print_error
from spex_data.errors import ConfigError, SeveralErrors, SpexDataError
from spex_data.study.dialect import parse_yaml

_EXAMPLES = {
    "cron": 'five fields, such as "0 2 * * *" for every night at two',
    "interval": "a number of seconds, such as 86400",
    "rrule": "a rule of RFC 5545, such as FREQ=DAILY;BYHOUR=2",
}


def deploy_all(path: Path) -> None:
    """Checks prefect.yaml, makes the process pools that it names and are not there, and deploys all of it.

    Raises:
        SeveralErrors: Schedules that do not parse.
        RunnerError: The server does not answer.
    """
    document = parse_yaml(path.read_bytes(), str(path))
    errors = list(schedule_errors(document, str(path)))
    if errors:
        raise SeveralErrors(errors)
    require_prefect()
    _make_pools({one["work_pool"]["name"] for one in document["deployments"] if "work_pool" in one})
    command = [Path(sys.executable).parent / "prefect", "--no-prompt", "deploy", "--all"]
    subprocess.run([*command, "--prefect-file", path], check=True, cwd=path.parent)


def schedule_errors(document: Any, where: str) -> Iterator[ConfigError]:
    """All that is wrong with the schedules of a document in the form of prefect.yaml."""
    for deployment in document.get("deployments", []):
        for place, schedule in enumerate(deployment.get("schedules") or []):
            named = f"{where}: {deployment.get('name')}, schedules[{place}]"
            kinds = [kind for kind in _EXAMPLES if kind in schedule]
            if len(kinds) != 1:
                yield ConfigError(
                    f"names {' and '.join(kinds) or 'no time'}",
                    where=named,
                    instead="write one of cron, interval and rrule",
                )
            elif not _parses(kinds[0], schedule[kinds[0]]):
                yield ConfigError(
                    f'is "{schedule[kinds[0]]}"',
                    where=f"{named}.{kinds[0]}",
                    instead=f"write {_EXAMPLES[kinds[0]]}",
                )
            zone = schedule.get("timezone")
            if zone is not None and zone not in available_timezones():
                yield ConfigError(
                    f'is "{zone}"',
                    where=f"{named}.timezone",
                    instead="write UTC, or a name like Europe/Paris",
                )


def _parses(kind: str, written: Any) -> bool:
    try:
        if kind == "cron":
            CronSchedule(cron=written)
        elif kind == "rrule":
            RRuleSchedule(rrule=written)
        else:
            return not isinstance(written, bool) and float(written) > 0
    except (ValidationError, ValueError, TypeError):
        return False
    return True


def _make_pools(names: set[str]) -> None:
    with get_client(sync_client=True) as client:
        there = client.read_work_pools(
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=sorted(names)))
        )
        for name in sorted(names - {pool.name for pool in there}):
            client.create_work_pool(WorkPoolCreate(name=name, type="process"))


def main() -> None:
    """Deploys prefect.yaml of the working directory, or the file named; exit code 2 for wrong input."""
    be_quiet()
    try:
        deploy_all(Path(sys.argv[1] if len(sys.argv) > 1 else "prefect.yaml").resolve())
    except SpexDataError as error:
        print_error(Console(stderr=True), error)
        sys.exit(2)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
