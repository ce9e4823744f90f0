from __future__ import annotations

import json

from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.attribution import AttributionParameters
from flows.decode import DecodeParameters, decode
from flows.train import train
from tests.flows.conftest import write_study


class TestTrainAndDecode:
    """The two halves of a study on machines of their own: the one that decodes has no model."""

    def test_what_a_surrogate_says_is_told_where_the_model_is_and_heard_where_values_are_decoded(
        self, prefect_server, environment, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("SPEX_DATA_CACHE", environment["SPEX_DATA_CACHE"])
        listening = {"method": "auto", "surrogate": "auto", "fdr": None}
        config = write_study(tmp_path / "s.yaml", decoding=listening, verify={"enabled": False})
        with temporary_settings({PREFECT_API_URL: prefect_server}):
            trained = train(AttributionParameters(config=config, out=str(tmp_path / "run")))
            (tmp_path / "run" / "surrogate" / "gradients.safetensors").unlink()
            decode(DecodeParameters(directory=trained.directory))
        judged = json.loads((tmp_path / "run" / "faithfulness.json").read_text())
        assert all("used" in target["surrogate"] for target in judged["targets"])
