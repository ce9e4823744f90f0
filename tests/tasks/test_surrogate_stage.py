"""Simulating masks as a stage, called by itself: no Prefect server, no tracking."""

from __future__ import annotations

import pytest
from prefect.logging import disable_run_logger

from spex_data.errors import ConfigError, SeveralErrors
from spex_data.study import parse_study
from spex_data.values import read_value_table
from tasks.design import design
from tasks.foreign import recover_from
from tasks.measure import measure
from tasks.prepare import prepare
from tasks.recover import collect
from tasks.run_folder import RunFolder
from tasks.simulated import simulated_values
from tasks.spans import spans
from tasks.surrogate import simulate
from tasks.tracking import TrackedRun
from tests.flows.conftest import study

LISTENING = {"method": "auto", "surrogate": "auto", "fdr": None}


def measured(directory, **changes) -> RunFolder:
    folder, tracked = RunFolder(directory), TrackedRun()
    folder.claim(parse_study(study(**changes)), update=False)
    with disable_run_logger():
        planned = design.fn(str(folder.directory), prepare.fn(str(folder.directory), tracked), tracked)
        for span in spans(planned.chunks):
            measure.fn(str(folder.directory), span)
        collect.fn(str(folder.directory), 0, tracked)
    return folder


def simulated(folder: RunFolder) -> str:
    with disable_run_logger():
        return simulate.fn(str(folder.directory), read_value_table(folder.values), TrackedRun())


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    return measured(tmp_path_factory.mktemp("listening") / "run", decoding=LISTENING)


class TestStage:
    """Gradients at kept adapters of training masks, saved with the run and used again."""

    def test_it_says_what_it_did_and_recover_tells_the_surrogate_from_true_fine_tunes(self, run):
        assert "gradients at 8 adapters" in simulated(run)
        table = read_value_table(run.values)
        told = simulated_values(run, run.read_study(), "auto", table.targets)
        assert told.values.shape == (1000, len(table.targets), 5)
        judged = recover_from(run.directory, method=None, max_order=2, top=5).judged
        for target in judged["targets"]:
            assert set(target["surrogate"]) == {"used", "weight", "cv_r2", "cv_r2_without"}

    def test_gradients_are_taken_once(self, run):
        simulated(run)
        before = run.surrogate.stat().st_mtime_ns
        run.simulated.unlink()
        simulated(run)
        assert run.simulated.is_file()
        assert run.surrogate.stat().st_mtime_ns == before

    def test_other_decoders_do_not_listen(self, run):
        simulated(run)
        table = read_value_table(run.values)
        assert simulated_values(run, run.read_study(), "linear", table.targets) is None

    def test_without_kept_adapters_it_falls_back_and_says_the_cost(self, tmp_path):
        training = {**study()["training"], "keep": "none", "max_steps": 1}
        folder = measured(tmp_path / "run", decoding=LISTENING, training=training)
        said = simulated(folder)
        assert "decoded without a surrogate" in said
        assert "training.keep: all" in said
        assert "about half of a fine-tune each" in said
        assert not folder.simulated.exists()

    def test_where_it_is_off_nothing_is_done(self, tmp_path):
        folder = RunFolder(tmp_path / "run")
        folder.claim(parse_study(study()), update=False)
        assert simulate.fn(str(folder.directory), None, TrackedRun()) == ""
        assert not folder.surrogate.exists()

    def test_a_study_whose_decoder_cannot_listen_is_wrong(self):
        with pytest.raises((ConfigError, SeveralErrors), match=r"decoding.surrogate: is auto.*only.*auto"):
            parse_study(study(decoding={"method": "lasso", "surrogate": "auto"}))
