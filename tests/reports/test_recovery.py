from __future__ import annotations

import json

import numpy as np
import pytest

from spex_data.errors import DecodingError
from spex_data.masks import design_masks
from spex_data.reports import as_json, interactions_table, read_results, recover_values, render_report
from spex_data.values import ValueTable

NAMES = ("manual", "forum", "note", "log", "list", "sheet")


def table(n_train=48, n_heldout=12, seeds=2, noise=0.01):
    """Two targets on six groups: the first two are redundant for one, and nothing acts on the other."""
    draw = np.random.default_rng(0)
    every = (np.arange(64)[:, None] >> np.arange(6)) & 1 == 1
    rows = draw.permutation(every)
    train, heldout = rows[:n_train], np.repeat(rows[64 - n_heldout :], seeds, axis=0)
    masks = np.concatenate([train, heldout])
    either = 4.0 * (masks[:, 0] | masks[:, 1])
    values = np.stack([either, np.zeros(len(masks))], axis=1) + draw.normal(0, noise, (len(masks), 2))
    return ValueTable(
        targets=("redundant", "null"),
        masks=masks,
        roles=("train",) * len(train) + ("heldout",) * len(heldout),
        seeds=np.arange(len(masks)) % seeds,
        values=values,
        causes=(None,) * len(masks),
    )


def recovered(values, method="proxyspex", distribution=None, **options):
    return recover_values(
        values,
        study_name="demo",
        group_names=NAMES,
        method=method,
        max_order=2,
        distribution=distribution,
        **options,
    )


@pytest.fixture(scope="module")
def recovery():
    """What is recovered of the table."""
    return recovered(table())


class TestRecoverValues:
    """A table becomes documents that the terminal and the page can show."""

    def test_a_planted_pair_comes_first_with_its_kind(self, recovery):
        first = read_results(recovery.interactions).targets[0].interactions[0]
        assert (first.groups, first.kind) == (("manual", "forum"), "redundant")
        assert first.value == pytest.approx(-4.0, abs=0.3)

    def test_a_method_that_decodes_a_code_gets_the_design(self):
        design = design_masks(6, scheme="spex", budget=64)
        coded = recovered(table(), method="spex", distribution=design)
        first = read_results(coded.interactions).targets[0].interactions[0]
        assert (first.groups, first.kind) == (("manual", "forum"), "redundant")

    def test_held_out_masks_are_judged_with_their_seeds(self, recovery):
        judged = recovery.judged["targets"][0]
        assert (judged["n_masks"], judged["n_seeds"]) == (12, 2.0)
        assert judged["r2"] > 0.95
        assert recovery.predicted.shape == recovery.heldout_values.shape == (12, 2)

    def test_both_documents_are_strict_json(self, recovery):
        for text in (as_json(recovery.interactions), as_json(recovery.judged)):
            assert json.loads(text, parse_constant=pytest.fail)["study"] == "demo"

    def test_page_and_terminal_take_them_as_they_are(self, recovery):
        page = render_report(recovery.interactions, judged=recovery.judged)
        assert "12 held-out masks, the mean over 2 seeds each" in page
        assert interactions_table(recovery.interactions)

    def test_scores_of_every_target_and_their_mean_are_metrics(self, recovery):
        scores = recovery.scores()
        assert {"heldout_r2.mean", "heldout_r2.redundant"} <= {*scores}
        assert all(np.isfinite(value) for pairs in scores.values() for _, value in pairs)

    def test_nothing_held_out_leaves_scores_unknown(self):
        recovery = recovered(table(n_heldout=0))
        assert [target["r2"] for target in recovery.interactions["targets"]] == [None, None]
        assert recovery.scores() == {}

    def test_too_few_masks_are_refused(self):
        with pytest.raises(DecodingError, match="holds 3 training masks"):
            recovered(table(n_train=3))
