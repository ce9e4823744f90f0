from __future__ import annotations

import multiprocessing
from pathlib import Path
from unittest.mock import Mock

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS

from spex_data.study import parse_study
from tasks.experiments import experiment_id, make_tables
from tasks.tracking import start_run
from tests.flows.conftest import study

N_RUNS = 4


def open_run(folder: Path, together, number: int, found) -> None:
    together.wait(timeout=120)
    found.put(start_run(parse_study(study()), folder / f"run-{number}", {}).experiment_id)


class TestRunsThatStartAtOneMoment:
    """Whoever comes first makes the tables and the experiment; nobody fails for it."""

    def test_a_new_file_takes_all_of_them_into_one_experiment(self, tmp_path):
        spawn = multiprocessing.get_context("spawn")
        together, found = spawn.Barrier(N_RUNS), spawn.Queue()
        runs = [
            spawn.Process(target=open_run, args=(tmp_path / "runs", together, number, found))
            for number in range(N_RUNS)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join(timeout=240)
        assert [run.exitcode for run in runs] == [0] * N_RUNS
        assert len({found.get(timeout=5) for _ in runs}) == 1

    def test_an_experiment_that_another_run_made_meanwhile_is_taken(self):
        client = Mock()
        client.get_experiment_by_name.side_effect = [None, Mock(experiment_id="7")]
        client.create_experiment.side_effect = MlflowException("there", error_code=RESOURCE_ALREADY_EXISTS)
        assert experiment_id(client, "demo", place=None, tags={}) == "7"


class TestMakeTables:
    """A page and its first run come to a file that is whole."""

    def test_the_file_is_there_and_has_its_first_experiment(self, tmp_path):
        uri = f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
        make_tables(uri)
        assert [one.name for one in MlflowClient(uri).search_experiments()] == ["Default"]

    def test_a_server_is_left_alone(self):
        assert make_tables("http://127.0.0.1:1") is None  # or it would have waited for an answer
