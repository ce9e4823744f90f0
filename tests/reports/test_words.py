from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.reports import belief, read_results, summary
from spex_data.reports.words import believed, kind_word, overall, verification

NAMES = ("salt", "pepper", "sugar")


def effect(members, value, *, kind=None, ci=None, verified="not tested"):
    return {
        "groups": [NAMES[member] for member in members],
        "members": list(members),
        "order": len(members),
        "index": "banzhaf",
        "value": value,
        "ci": ci,
        "moebius": None,
        "full": None,
        "kind": kind,
        "verified": verified,
    }


def target(effects, *, r2=0.95, ceiling=0.97):
    entry = {"name": "t", "method": "linear", "n_masks": 64, "r2": r2, "spearman": r2}
    entry |= {"noise_ceiling": ceiling, "interactions": effects}
    return read_results({"study": "s", "n_groups": 3, "groups": NAMES, "targets": [entry]})


def sentence(effects, **more):
    scale = more.pop("study_scale", 0.0)
    return summary(target(effects, **more).targets[0], study_scale=scale)


class TestBelief:
    """Held-out R2 is judged against what seed noise allows, and nothing is judged by what is unknown."""

    @pytest.mark.parametrize(
        ("r2", "ceiling", "level"),
        [
            (0.95, 0.97, "yes"),
            (0.5, 0.55, "yes"),
            (0.5, 0.95, "partly"),
            (0.2, 0.95, "weak"),
            (0.0, 0.95, "no"),
            (-0.3, 0.95, "no"),
            (0.9, None, "yes"),
            (0.5, None, "partly"),
            (0.4, 0.0, "no"),
            (None, 0.9, "unknown"),
        ],
    )
    def test_the_level_follows_from_the_share_reached(self, r2, ceiling, level):
        assert belief(r2, ceiling).level == level

    def test_a_negative_r2_is_said_plainly(self):
        assert "negative" in belief(-0.2, 0.9).sentence

    def test_an_unknown_ceiling_is_said(self):
        assert "noise ceiling unknown" in belief(0.9, None).sentence

    @given(st.floats(-2, 1), st.floats(0.05, 1))
    def test_a_larger_r2_is_never_believed_less(self, r2, ceiling):
        order = ["no", "weak", "partly", "yes"]
        levels = [order.index(belief(one, ceiling).level) for one in (r2, min(r2 + 0.1, 1.0))]
        assert levels == sorted(levels)


class TestKindWord:
    """A kind says which way a pair acts, so it has none where nothing says which way."""

    @pytest.mark.parametrize(
        ("ci", "reported", "verified", "word"),
        [
            ([-1.5, 0.1], True, "not tested", "sign open"),
            ([-1.5, 0.1], True, "uncertain", "sign open"),
            ([-1.5, 0.1], True, "confirmed", "redundant"),
            ([-1.5, -0.1], True, "not tested", "redundant"),
            ([-1.5, 0.1], False, "not tested", "redundant"),
            (None, True, "not tested", "redundant"),
        ],
    )
    def test_what_is_reported_with_an_interval_that_holds_0_has_an_open_sign_unless_retraining_closed_it(
        self, ci, reported, verified, word
    ):
        one = effect((0, 1), -0.8, kind="redundant", ci=ci, verified=verified) | {"reported": reported}
        assert kind_word(target([one]).targets[0].interactions[0]) == word


class TestConfirmed:
    """What retraining confirmed is told however small it is beside single groups; what it did not is not."""

    @pytest.mark.parametrize(("verified", "told"), [("confirmed", True), ("uncertain", False)])
    def test_a_small_interaction_is_named_only_if_it_was_confirmed(self, verified, told):
        small = effect((0, 1), -0.5, kind="redundant", verified=verified)
        assert ("salt and pepper" in sentence([effect((2,), 9.0), small])) is told


class TestSummary:
    """A target's sentence names what stands out, and claims no more than was found."""

    @pytest.mark.parametrize(
        ("kind", "value", "word"),
        [
            ("redundant", -4.0, "redundant"),
            ("complementary", 4.0, "complementary"),
            ("interference", -4.0, "interfere"),
            ("redundant-harm", 4.0, "same harm"),
            (None, 4.0, "act together (+4.00)"),
            ("a kind of tomorrow", 4.0, "act together (+4.00)"),
        ],
    )
    def test_a_pair_is_told_by_its_kind(self, kind, value, word):
        told = sentence([effect((0, 1), value, kind=kind)])
        assert "salt and pepper" in told
        assert word in told

    def test_of_an_antidote_the_one_that_harms_is_named(self):
        effects = [effect((0, 1), 4.0, kind="antidote"), effect((0,), -2.0), effect((1,), 2.0)]
        assert "pepper undoes the harm of salt" in sentence(effects)

    def test_an_antidote_without_a_side_undoes_harm_on_both(self):
        assert "undo each other's harm" in sentence([effect((0, 1), 4.0, kind="antidote")])

    def test_a_set_of_three_is_told_with_its_sign(self):
        assert "salt, pepper and sugar act as a set of 3 (-4.00)" in sentence([effect((0, 1, 2), -4.0)])

    def test_an_interval_that_holds_0_names_nothing(self):
        told = sentence([effect((0, 1), 4.0, kind="complementary", ci=[-1.0, 9.0])])
        assert told == "No interaction stands out in 64 masks."

    def test_without_effects_it_says_so(self):
        assert sentence([]) == "No effect was found in 64 masks."

    def test_single_groups_are_named_where_no_interaction_is(self):
        assert "of single groups sugar (-3.00) matters most" in sentence([effect((2,), -3.0)])

    def test_nothing_is_concluded_from_an_expansion_that_predicts_nothing(self):
        told = sentence([effect((0, 1), 4.0, kind="redundant")], r2=-0.1)
        assert told.startswith("Nothing to conclude")
        assert "salt" not in told

    def test_weak_and_unjudged_findings_are_marked(self):
        effects = [effect((0, 1), 4.0, kind="redundant")]
        assert sentence(effects, r2=0.2).startswith("Weak evidence: ")
        assert sentence(effects, r2=None).startswith("Not judged: ")

    def test_what_is_small_beside_the_study_is_nothing_of_note(self):
        told = sentence([effect((0, 1), 0.1, kind="redundant")], study_scale=10.0)
        assert told.startswith("Nothing of note")


class TestVerification:
    """What was not retrained is called not tested."""

    def test_without_verification_it_says_not_tested(self):
        assert verification(target([effect((0, 1), 1.0)]).targets[0]) == "not tested by retraining"

    def test_outcomes_are_counted(self):
        effects = [effect((0, 1), 2.0, verified="confirmed"), effect((1, 2), 1.0, verified="refuted")]
        assert verification(target(effects).targets[0]) == "retrained: 1 confirmed, 1 refuted"

    def test_the_whole_study_in_a_sentence(self):
        assert overall(target([effect((0, 1), 2.0)])) == "1 of 1 target can be believed."
        assert overall(target([])).startswith("No interaction was found on any target. 1 of 1 target")
        assert "Nothing was held out" in overall(target([], r2=None))


class TestRefuted:
    """What retraining refuted is neither told as found nor believed."""

    def test_a_target_whose_interactions_were_all_refuted_is_not_believed_whatever_r2_says(self, demo):
        demo["targets"][0]["interactions"][0]["verified"] = "refuted"
        judged = believed(read_results(demo).targets[0])
        assert (judged.level, judged.word) == ("no", "did not hold up")

    def test_one_that_held_up_leaves_it_to_r2(self, demo):
        first = demo["targets"][0]["interactions"]
        first[0]["verified"] = "refuted"
        first.append({**first[0], "members": [2, 3], "verified": "confirmed"})
        assert believed(read_results(demo).targets[0]).level == "yes"

    def test_a_target_whose_interactions_were_refuted_says_that(self, demo):
        demo["targets"][0]["interactions"][0]["verified"] = "refuted"
        said = summary(read_results(demo).targets[0])
        assert said == (
            "What was found did not hold up: lurn-manual + lurn-forum (-8.10) was refuted by retraining."
        )

    def test_where_all_that_was_tested_is_refuted_the_sentence_begins_with_that(self, demo):
        effects = demo["targets"][1]["interactions"]
        effects.append(
            {**effects[0], "groups": ["lurn-manual", "lurn-forum"], "members": [0, 1], "value": -2.9}
        )
        effects[-1]["verified"] = "refuted"
        said = summary(read_results(demo).targets[1])
        assert said.startswith("What was found did not hold up: lurn-manual + lurn-forum (-2.90) was refuted")
        assert "; not retrained: kirn-service-bulletin undoes the harm of" in said

    def test_one_refuted_beside_others_is_counted(self, demo):
        effects = demo["targets"][1]["interactions"]
        effects.append(
            {**effects[0], "members": [0, 1], "groups": ["lurn-manual", "lurn-forum"], "value": -2.9}
        )
        effects[0]["verified"], effects[-1]["verified"] = "confirmed", "refuted"
        assert summary(read_results(demo).targets[1]).endswith("; one other was refuted by retraining.")
