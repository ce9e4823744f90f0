from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from flows.deployments import main, schedule_errors

FILE = Path(__file__).parents[2] / "prefect.yaml"


class TestSchedules:
    """Schedules that do not parse are named all at once, before anything is deployed."""

    def test_those_of_this_project_parse(self):
        assert list(schedule_errors(yaml.safe_load(FILE.read_text()), "prefect.yaml")) == []

    def test_each_wrong_one_says_where_it_is_and_what_to_write(self):
        schedules = [
            {"cron": "every night"},
            {"interval": 0},
            {"rrule": "DAILY"},
            {"timezone": "UTC"},
            {"cron": "0 2 * * *", "timezone": "Mars"},
            {"cron": "0 2 * * *", "timezone": "Europe/Paris"},
        ]
        document = {"deployments": [{"name": "nightly", "schedules": schedules}, {"name": "other"}]}
        said = [str(error) for error in schedule_errors(document, "p.yaml")]
        assert len(said) == 5
        assert said[0].startswith('p.yaml: nightly, schedules[0].cron: is "every night"; write five fields')
        assert 'schedules[4].timezone: is "Mars"' in said[4]

    def test_a_wrong_one_ends_the_command_with_2_before_a_server_is_asked(
        self, tmp_path, monkeypatch, capsys
    ):
        path = tmp_path / "prefect.yaml"
        path.write_text('deployments: [{name: nightly, schedules: [{cron: "every night"}]}]')
        monkeypatch.setattr("sys.argv", ["deployments", str(path)])
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 2
        assert 'nightly, schedules[0].cron: is "every night"; write five fields' in capsys.readouterr().err


@pytest.mark.services
class TestDeployAll:
    """`prefect deploy --all` makes a deployment of every flow, with a form for its parameters."""

    def test_every_flow_has_its_pool_its_schedule_and_a_form(self, prefect_server, environment):
        done = subprocess.run(
            [sys.executable, "-m", "flows.deployments"],
            env={**environment, "PREFECT_API_URL": prefect_server},
            capture_output=True,
            text=True,
            cwd=FILE.parent,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        found = {
            one["name"]: one for one in httpx.post(f"{prefect_server}/deployments/filter", json={}).json()
        }
        assert set(found) == {"nightly", "train", "decode"}
        assert [found[name]["work_pool_name"] for name in ("nightly", "train", "decode")] == [
            "gpu",
            "gpu",
            "cpu",
        ]
        (schedule,) = found["nightly"]["schedules"]
        assert (schedule["schedule"]["cron"], schedule["active"]) == ("0 2 * * *", True)
        forms = {name: one["parameter_openapi_schema"] for name, one in found.items()}
        asked = forms["nightly"]["definitions"]["AttributionParameters"]["properties"]
        assert set(asked) == {"config", "overrides", "out", "update"}
        assert asked["config"]["title"] == "Study"
        assert asked["config"]["description"] == "Its YAML file, such as configs/demo.yaml"
        assert set(forms["train"]["properties"]) == {"parameters", "then"}
        assert set(forms["decode"]["definitions"]["DecodeParameters"]["properties"]) == {
            "directory",
            "method",
        }
