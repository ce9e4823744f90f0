from __future__ import annotations

from importlib.util import find_spec

import pytest
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from flows import environment, runners
from flows.environment import require_extra
from flows.runners import task_runner
from spex_data.errors import RunnerError, SeveralErrors
from spex_data.study import parse_study
from tests.flows.conftest import study


def asking(**runner):
    return parse_study(study(runner={"workers": 2, **runner}))


class TestTaskRunner:
    """Which of Prefect's task runners a study has."""

    @pytest.mark.parametrize(
        ("kind", "runner"), [("threads", ThreadPoolTaskRunner), ("processes", ProcessPoolTaskRunner)]
    )
    def test_pools_of_this_machine(self, kind, runner):
        assert type(task_runner(asking(kind=kind), 8)) is runner

    @pytest.mark.parametrize("runner", [{"kind": "inline"}, {"kind": "ray", "workers": 1}])
    def test_one_worker_needs_no_pool(self, runner):
        assert task_runner(asking(**runner), 8) is None

    @pytest.mark.parametrize("kind", ["dask", "ray"])
    @pytest.mark.parametrize("place", [{}, {"address": "tcp://nobody:8786", "workers": "auto"}])
    def test_a_cluster_is_prefects_own_or_the_line_that_installs_it(self, kind, place):
        wanted = asking(kind=kind, **place)
        if find_spec(f"prefect_{kind}") is None:
            with pytest.raises(RunnerError, match=rf'pip install .*"\.\[{kind}\]"'):
                task_runner(wanted, 8)
        else:
            runner = task_runner(wanted, 8)
            assert type(runner).__name__ == f"{kind.capitalize()}TaskRunner"
            assert runner.address == place.get("address", "local" if kind == "ray" else None)

    @pytest.mark.parametrize("kind", ["dask", "ray"])
    def test_an_extra_that_is_missing_is_one_message(self, kind, monkeypatch):
        monkeypatch.setattr(environment, "find_spec", lambda name: None)
        with pytest.raises(
            RunnerError, match=rf"runner.kind: is {kind}, and prefect-{kind} is not installed"
        ):
            require_extra(kind)


class TestClusterWorkers:
    """How many chunks a cluster measures at once: a processor and `runner.gpus` each, on one machine."""

    @pytest.mark.parametrize(
        ("places", "gpus", "workers"),
        [
            ([(8, 4)], 1, 4),
            ([(2, 4)], 1, 2),
            ([(8, 1)], 0.5, 2),
            ([(4, 0), (8, 0)], 0, 12),
            ([(8, 0.5), (8, 0.5), (8, 1)], 1, 1),
            ([(4, 0), (8, 8)], 2, 4),
        ],
    )
    @pytest.mark.parametrize("kind", ["dask", "ray"])
    def test_their_number(self, monkeypatch, kind, places, gpus, workers):
        monkeypatch.setattr(runners, f"_{kind}_places", lambda: places)
        wanted = asking(kind=kind, address="tcp://nobody:8786", workers="auto", gpus=gpus)
        assert runners.cluster_workers(wanted) == workers

    def test_a_cluster_whose_machines_are_still_to_come_counts_as_one(self, monkeypatch):
        monkeypatch.setattr(runners, "_ray_places", lambda: [])
        assert runners.cluster_workers(asking(kind="ray", address="nobody:1", workers="auto")) == 1


class TestRunnerKeys:
    """Keys of a cluster stand only where there is one."""

    @pytest.mark.parametrize(
        ("runner", "says"),
        [
            (
                {"kind": "threads", "address": "tcp://x:1"},
                "runner.address: is tcp://x:1, and runner.kind is threads",
            ),
            ({"kind": "processes", "gpus": 1}, "runner.gpus: is 1"),
            ({"kind": "dask", "address": "tcp://x:1", "workers": 4}, "runner.workers: is 4, and the cluster"),
        ],
    )
    def test_elsewhere_they_are_refused(self, runner, says):
        with pytest.raises(SeveralErrors, match=says):
            parse_study(study(runner=runner))
