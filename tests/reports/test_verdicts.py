"""verification.json, and what it changes elsewhere."""

from __future__ import annotations

import json
from io import StringIO

import numpy as np
import pytest

from spex_data.masks import MaskDistribution
from spex_data.reports import as_json, read_results, verification_document, with_verdicts
from spex_data.reports.verdict_table import verdicts_table
from spex_data.reports.words import controls, overall, retraining
from spex_data.spectra import MoebiusExpansion
from spex_data.verification import Hypothesis, design_verification, judge
from tests.reports.test_words import effect, target

NAMES = ("salt", "pepper", "sugar")


def verification(predicted=4.0, noise=0.1, note=None):
    """The document of one claim on (0, 1), a null and a phantom, on a function with I(0, 1) = 4."""
    truth = MoebiusExpansion.from_mapping(3, {(0, 1): 4.0, (2,): 1.0}).to_fourier()
    fair = MaskDistribution("bernoulli", 3)
    design = design_verification(
        fair, list(NAMES), [(0, 1), (0, 3), (1, 2)], front=[(0, 1)], budget=999, rounds=6, seed=0
    )
    masks, _ = design.rows()
    values = truth.evaluate(masks)[:, None]
    values = values + noise * np.random.default_rng(0).standard_normal(values.shape)
    hypotheses = [
        Hypothesis(0, (0, 1), "claim", predicted, (3.0, 5.0), 4.0),
        Hypothesis(0, (1, 2), "null", 0.0),
        Hypothesis(0, (0, 3), "phantom", 0.0),
    ]
    judged = judge(design, values, [] if note else hypotheses)
    return verification_document(
        study="s",
        group_names=NAMES,
        target_names=("t",),
        verified=judged,
        level=0.1,
        margin=0.25,
        n_rounds=6,
        full_rounds=1,
        fine_tunes=len(design),
        study_fine_tunes=400,
        note=note,
    )


def document(effects, **more):
    entry = {"name": "t", "method": "linear", "n_masks": 64, "r2": 0.95, "spearman": 0.9, **more}
    entry |= {"noise_ceiling": 0.97, "interactions": effects}
    return {"study": "s", "n_groups": 3, "groups": list(NAMES), "targets": [entry]}


class TestDocument:
    """What was predicted beside what was observed, and how often each verdict was given."""

    def test_it_is_strict_json_with_predicted_and_observed_of_every_test(self):
        written = json.loads(as_json(verification()))
        claim, null, phantom = written["tests"]
        assert (claim["verdict"], claim["predicted"]) == ("confirmed", 4.0)
        assert claim["ci"][0] < 4.0 < claim["ci"][1]
        assert claim["full"]["observed"] == pytest.approx(4.0, abs=1.0)
        assert phantom["groups"] == ["salt", "phantom"]
        assert written["counts"]["claim"]["confirmed"] == 1
        assert [written["counts"][role]["tested"] for role in ("null", "phantom")] == [1, 1]
        assert (null["verdict"], phantom["verdict"]) == ("uncertain", "uncertain")

    def test_interactions_carry_the_verdict_on_their_own_sign_alone(self):
        effects = [effect((0, 1), 3.5), effect((0, 2), 1.0)]
        first, second = with_verdicts(document(effects), verification())["targets"][0]["interactions"]
        assert (first["verified"], second["verified"]) == ("confirmed", "not tested")
        assert first["observed"] == pytest.approx(4.0, abs=0.5)
        turned = with_verdicts(document([effect((0, 1), -3.5)]), verification())
        assert turned["targets"][0]["interactions"][0]["verified"] == "not tested"

    def test_a_verdict_is_read_back_with_what_was_observed(self):
        results = read_results(with_verdicts(document([effect((0, 1), 3.5)]), verification()))
        (found,) = results.targets[0].interactions
        assert (found.verified, found.scale_dependent) == ("confirmed", None)
        assert found.observed_ci[0] < found.observed < found.observed_ci[1]


class TestWords:
    """The first sentence counts the verdicts; refuted in all leads."""

    def said(self, written):
        return read_results(with_verdicts(document([effect((0, 1), 4.0)]), written))

    def test_the_first_sentence_counts_what_was_retrained(self):
        results = self.said(verification())
        assert overall(results).startswith(
            "Of 1 interaction retrained, 1 confirmed and 0 refuted. 1 of 1 target"
        )
        assert "0 of 1 sets predicted to do nothing were found to act" in controls(results)
        assert "phantom" in controls(results)

    def test_when_all_are_refuted_that_leads(self):
        results = self.said(verification(predicted=-4.0))
        assert overall(results).startswith("None of it held up: the one interaction that was retrained is")

    def test_a_budget_too_small_is_told_and_not_passed_over(self):
        results = self.said(verification(note="verify.share allows 6 fine-tunes"))
        assert retraining(results) == "No interaction was retrained: verify.share allows 6 fine-tunes."

    def test_a_run_that_was_never_verified_says_nothing_of_it(self):
        assert retraining(target([])) == ""
        assert controls(target([])) == ""

    def test_the_terminal_shows_both_numbers_and_the_verdict(self):
        from rich.console import Console

        console = Console(width=100, record=True, file=StringIO())
        console.print(verdicts_table(verification(), width=100))
        text = console.export_text()
        assert "salt x pepper" in text
        assert "+4.00" in text
        assert "confirmed" in text
