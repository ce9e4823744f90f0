from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from mlflow import MlflowClient

from flows.cli import main
from spex_data.values import read_value_table
from tests.flows.conftest import study, write_study

AS_IT_IS = {"source": "embedded", "finetune": False}
WORDS = {"masking": "attention"}


def lens_study(path: Path, lens: str, **changes: object) -> str:
    """The smallest study of a lens: the embedded model as it is."""
    changes = {
        "name": lens,
        "lens": lens,
        "model": AS_IT_IS,
        "masks": {"budget": 18, "heldout": 4},
        "targets": {"from": "embedded", "rows": [0, 4]} if lens == "features" else {"from": "embedded"},
        "runner": {"chunk": 8},
        **({"features": WORDS} if lens == "features" else {"components": {"layers": [1], "mlps": True}}),
        **changes,
    }
    kept = {key: value for key, value in study(**changes).items() if key != "groups"}
    path.write_text(json.dumps(kept))
    return str(path)


@pytest.fixture
def said(monkeypatch, capsys, tmp_path, environment):
    """Runs a command that needs no server in this process; (exit code, what it said of errors)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPEX_DATA_CACHE", environment["SPEX_DATA_CACHE"])
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["spex-data", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0), " ".join(capsys.readouterr().err.split())

    return run


@pytest.fixture
def features_run(call, tmp_path):
    code, out, err = call("run", lens_study(tmp_path / "words.json", "features"))
    assert code == 0, err
    return tmp_path / "runs" / "features", out


@pytest.fixture
def components_run(call, tmp_path):
    code, out, err = call("run", lens_study(tmp_path / "parts.json", "components"))
    assert code == 0, err
    return tmp_path / "runs" / "components", out


class TestFeatures:
    """A study of texts is a run folder with a run folder for each text; each is resumed by its store."""

    def test_texts_are_measured_decoded_shown_and_resumed(self, features_run, call, tmp_path):
        run, out = features_run
        assert "44 masked texts, 0 of 44 were measured before" in out
        for wrong in ("fine-tun", "training", "retrain"):
            assert wrong not in out
        for number in ("000", "001"):
            for name in ("study.yaml", "masks.parquet", "values.parquet", "interactions.json", "report.html"):
                assert (run / "texts" / number / name).is_file()
        page = (run / "report.html").read_text()
        assert "Which parts of each text act together?" in page
        assert "fine-tun" not in (run / "texts" / "000" / "report.html").read_text()

        values = [run / "texts" / number / "values.parquet" for number in ("000", "001")]
        before = [one.read_bytes() for one in values]
        next(iter(sorted((run / "texts" / "001" / "values").glob("part-*.parquet")))).unlink()
        _, out, err = call("run", lens_study(tmp_path / "words.json", "features"))
        assert re.search(r"44 masked texts, 3[68] of 44 were measured before", out), err
        assert [one.read_bytes() for one in values] == before

        assert "text: null" in call("show", str(run))[1]
        assert (
            json.loads(call("show", str(run), "--json")[1])["texts"][1]["interactions"]["lens"] == "features"
        )
        assert call("report", str(run))[0] == 0
        assert call("diff", str(run / "texts" / "000"), str(run / "texts" / "000"))[0] == 0

    def test_mlflow_has_a_run_of_the_study_with_a_child_a_text_and_prefect_a_table(
        self, features_run, prefect_server
    ):
        run, _ = features_run
        execution = json.loads((run / "manifest.json").read_text())["executions"][0]
        client = MlflowClient(execution["mlflow_uri"])
        whole = client.get_run(execution["mlflow_run_id"])
        assert whole.data.tags["spex.lens"] == "features"
        assert whole.data.params["features.masking"] == "attention"
        assert len(client.get_metric_history(whole.info.run_id, "heldout_r2")) == 2
        child = json.loads((run / "texts" / "001" / "manifest.json").read_text())["executions"][0]
        text = client.get_run(child["mlflow_run_id"])
        assert text.data.tags["mlflow.parentRunId"] == whole.info.run_id
        assert text.info.experiment_id == whole.info.experiment_id
        assert re.match(r"001: \w+ \w+", text.info.run_name)
        assert {"masks", "seconds_per_mask"} <= set(text.data.metrics)
        assert not [name for name in text.data.metrics if "fine_tune" in name]

        body = {"artifacts": {"key": {"like_": "features-"}}, "limit": 50}
        shown = {
            one["key"]: one for one in httpx.post(f"{prefect_server}/artifacts/filter", json=body).json()
        }
        rows = json.loads(shown["features-texts"]["data"])
        texts = json.loads((run / "texts.json").read_text())["texts"]
        assert len(rows) == len(texts)
        assert all(re.fullmatch(r"-?\d\.\d\d|unknown", row["R2"]) for row in rows)
        assert "retrained" not in shown["features-001-interactions"]["data"]

    @pytest.mark.parametrize(
        "words",
        [
            ("recover", "RUN"),
            ("diff", "RUN", "RUN"),
            ("optimise", "RUN", "--keep", "2"),
        ],
        ids=lambda words: words[0],
    )
    def test_a_command_about_one_text_says_how_to_name_it(self, said, tmp_path, words):
        run = tmp_path / "runs" / "words"
        (run / "texts" / "000").mkdir(parents=True)
        (run / "study.yaml").write_text(Path(lens_study(tmp_path / "w.json", "features")).read_text())
        (run / "texts.json").write_text('{"texts": [{"name": "a", "folder": "texts/000"}]}')
        code, err = said(*(str(run) if word == "RUN" else word for word in words))
        assert code == 2
        assert "holds 1 texts, each a run of its own; name one of them, such as `spex-data" in err


class TestComponents:
    """A study of components is a run of the same files, with what to keep measured for real."""

    def test_heads_are_silenced_decoded_pruned_extended_and_optimised(self, components_run, call):
        run, out = components_run
        assert "22 masked models, 0 of 22 were measured before" in out
        assert "keep 2 of 5: log-odds" in out
        assert "fine-tun" not in out
        pruned = json.loads((run / "prune.json").read_text())
        table = read_value_table(run / "values.parquet")
        for one in pruned["sizes"]:
            names = json.loads((run / "interactions.json").read_text())["groups"]
            kept = np.isin(names, one["expansion"]["components"])
            assert kept.sum() == one["kept"]
            same = (table.masks == kept).all(axis=1)
            if same.any():
                assert table.values[same][0, 0] == pytest.approx(one["expansion"]["value"], abs=1e-4)

        _, out, err = call("extend", str(run), "--masks", "24")
        assert "28 masked models, 22 of 28 were measured before" in out, err
        found = json.loads(call("optimise", str(run), "--keep", "3", "--json")[1])
        assert len(found["groups"]) == 3
        assert found["measured"] == pytest.approx(found["predicted"], abs=1.0)
        code, _, err = call("extend", str(run), "--targets", "x.csv")
        assert (code, "goes with adapters kept on disk, and the lens is components" in err) == (2, True)
        code, _, err = call("verify", str(run), "--groups", "0,1")
        assert (code, "values are exact: there is nothing to retrain" in err) == (2, True)


class TestBadInput:
    """What cannot be masked is one message and exit code 2, before anything is measured."""

    @pytest.mark.parametrize(
        ("lens", "changes", "message"),
        [
            ("features", {"features": {"text": " ", "answer": "red", **WORDS}, "targets": {}}, "is empty"),
            (
                "features",
                {"features": {"text": "Ordek", "answer": "red", **WORDS}, "targets": {}},
                "has 1 unit",
            ),
            (
                "features",
                {"features": {"text": "Ordek " * 40, "answer": "red", **WORDS}, "targets": {}},
                "the text has 41 tokens, and the model reads 32",
            ),
            ("features", {"features": {}}, "its tokenizer cannot mask: it has no mask token"),
            (
                "features",
                {"features": {"units": [[0, 90]], **WORDS}},
                "is empty, overlaps another, is out of",
            ),
            (
                "components",
                {"components": {"layers": [7]}},
                "components.layers: layer 7 does not exist; give",
            ),
            ("components", {"components": {"heads": [9]}}, "has no head 9; give numbers from 0 to 3"),
            (
                "components",
                {"components": {"layers": [0], "prune": [5]}},
                "components.prune: asks for 5 of 4 components; write numbers from 1 to 4",
            ),
        ],
    )
    def test_it_is_said_with_what_to_write_instead(self, said, tmp_path, lens, changes, message):
        code, err = said("plan", lens_study(tmp_path / "s.json", lens, **changes))
        assert (code, message in err) == (2, True), err

    def test_a_model_that_cannot_be_hooked_names_those_that_can(self, said, tmp_path, monkeypatch):
        monkeypatch.setattr("spex_data.value_functions.component_sites._ATTENTION", re.compile("^x$"))
        code, err = said("plan", lens_study(tmp_path / "s.json", "components"))
        assert code == 2
        assert "its components cannot be silenced" in err
        assert "use one of BERT, RoBERTa, DistilBERT, ModernBERT" in err

    def test_several_texts_that_cannot_be_read_are_said_at_once(self, call, tmp_path):
        rows = [{"prompt": "Ordek", "completion": "red"}, {"prompt": "Ordek " * 40, "completion": "red"}]
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        asked = {
            "data": {"task": "causal-lm", "train": "none", "prompt": "prompt", "completion": "completion"},
            "targets": {"from": "rows.jsonl"},
        }
        code, _, err = call("run", lens_study(tmp_path / "s.json", "features", **asked))
        assert code == 2
        assert "text 0 (Ordek)" in err
        assert "text 1 (Ordek" in err

    def test_a_flow_refuses_a_study_of_another_lens(self, tmp_path):
        from flows.attribution import AttributionParameters, attribution
        from spex_data.errors import ConfigError

        asked = AttributionParameters(config=write_study(tmp_path / "tiny.yaml", lens="data"))
        from flows.components import components

        with pytest.raises(ConfigError, match="is data, and this is the flow of the lens components"):
            components.fn(asked)
        asked = AttributionParameters(config=lens_study(tmp_path / "s.json", "components"))
        with pytest.raises(ConfigError, match="run it by the flow components"):
            attribution.fn(asked)
