"""Simulating masks as a stage, called by itself: no Prefect server, no tracking."""

from __future__ import annotations

import pytest
from prefect.logging import disable_run_logger

from spex_data.reports import write_document
from spex_data.study import parse_study
from spex_data.surrogate import surrogate as surrogate_module
from spex_data.values import read_value_table
from tasks import rounds
from tasks.design import design
from tasks.foreign import recover_from
from tasks.measure import measure
from tasks.pages import method_of
from tasks.prepare import prepare
from tasks.recover import collect
from tasks.run_folder import RunFolder
from tasks.simulated import listens, simulated_values
from tasks.spans import spans
from tasks.surrogate import simulate
from tasks.tracking import TrackedRun
from tests.flows.conftest import study

LISTENING = {"method": "auto", "surrogate": "auto", "fdr": None}


def measured(directory, **changes) -> RunFolder:
    folder, tracked = RunFolder(directory), TrackedRun()
    folder.claim(parse_study(study(**changes)), update=True)
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
        told = simulated_values(run, run.read_study(), "auto", table.targets, table.n_groups)
        assert told.values.shape == (1000, len(table.targets), 5)
        last = simulated_values(run, run.read_study(), "auto", table.targets[-1:], table.n_groups)
        assert (last.values == told.values[:, -1:]).all()
        judged = recover_from(run.directory, method=None, max_order=2, top=5).judged
        for target in judged["targets"]:
            assert set(target["surrogate"]) == {"used", "weight", "cv_r2", "cv_r2_without"}
        write_document(run.faithfulness, judged)
        heard = sum(target["surrogate"]["used"] for target in judged["targets"])
        said = method_of(run, run.read_study())["Surrogate"]
        assert f"heard for {heard} of {len(table.targets)} targets" in said

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
        assert simulated_values(run, run.read_study(), "linear", table.targets, table.n_groups) is None

    def test_what_was_said_of_other_groups_or_targets_is_not_heard(self, run):
        simulated(run)
        targets, n_groups = read_value_table(run.values).targets, read_value_table(run.values).n_groups
        assert simulated_values(run, run.read_study(), "auto", targets, n_groups + 1) is None
        assert simulated_values(run, run.read_study(), "auto", (*targets, "new"), n_groups) is None

    def test_a_round_is_judged_by_what_decoding_would_hear(self, run, monkeypatch):
        class Heard(Exception):
            """What the round was judged by."""

        def judged(*_, features, **__):
            raise Heard(None if features is None else features.values.shape)

        simulated(run)
        table = read_value_table(run.values)
        monkeypatch.setattr(rounds, "known_so_far", judged)
        with pytest.raises(Heard, match=f"1000, {len(table.targets)}, 5"):
            rounds.judge_round.fn(str(run.directory), table, TrackedRun())

    def test_more_masks_keep_the_gradients(self, run):
        simulated(run)
        before = run.surrogate.stat().st_mtime_ns
        larger = {**study()["masks"], "budget": 60}
        folder = measured(run.directory, decoding=LISTENING, masks=larger)
        simulated(folder)
        assert folder.surrogate.stat().st_mtime_ns != before  # 32 adapters to choose among, not 18
        before = folder.surrogate.stat().st_mtime_ns
        simulated(measured(run.directory, decoding=LISTENING, masks={**larger, "budget": 70}))
        assert folder.surrogate.stat().st_mtime_ns == before

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

    def test_a_model_that_it_fails_on_is_decoded_without_it(self, run, monkeypatch):
        def fails(*_, **__):
            raise NotImplementedError("a new\n layer")

        monkeypatch.setattr(surrogate_module, "anchored_features", fails)
        run.surrogate.unlink(missing_ok=True)
        said = simulated(run)
        assert said.startswith("decoded without a surrogate: decoding.surrogate: the gradients of embedded")
        assert "NotImplementedError: a new layer" in said
        assert not run.simulated.exists()

    def test_it_is_there_unless_it_is_turned_off_or_nobody_would_listen(self):
        assert listens(parse_study(study(decoding={"method": "auto"})), "auto")
        assert not listens(parse_study(study(decoding={"method": "auto", "surrogate": "off"})), "auto")
        assert not listens(parse_study(study(decoding={"method": "lasso"})), "lasso")
