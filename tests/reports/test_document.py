from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from spex_data.errors import DecodingError, StoreError
from spex_data.faithfulness import Faithfulness, NoiseCeiling
from spex_data.reports import (
    as_json,
    faithfulness_document,
    interactions_document,
    read_document,
    write_document,
)


@dataclass(frozen=True)
class Found:
    """An interaction of a decoder."""

    members: tuple[int, ...]
    value: float
    ci: tuple[float, float] | None = (0.5, 1.5)
    moebius: float = 1.0
    full: float = 1.0
    kind: str | None = None


@dataclass(frozen=True)
class Stub:
    """A decoder's result that lists what it was given."""

    listed: list
    method: str = "proxyspex"

    def interactions(self, max_order=3, fdr=None):
        def below(found):
            return [one for one in found if len(one.members) <= max_order]

        return (
            [below(one) for one in self.listed]
            if self.listed and isinstance(self.listed[0], list)
            else below(self.listed)
        )


def judged(r2=0.9, ceiling=0.95, ci=(0.9, 0.98)):
    return Faithfulness(r2, r2, NoiseCeiling(ceiling, 4.0, 0.5, 64, 2.0, ci), 64, 2.0)


def document(found, names=("a", "b", "c"), targets=("t",), scores=None, **options):
    return interactions_document(
        study="demo",
        group_names=names,
        target_names=targets,
        decoded=Stub(found),
        faithfulness=[judged()] * len(targets) if scores is None else scores,
        n_masks=32,
        **options,
    )


class TestInteractionsDocument:
    """interactions.json holds exactly what is specified, and null for what is unknown."""

    def test_an_interaction_has_exactly_these_keys_in_this_order(self):
        written = document([[Found((0, 2), -2.0, kind="redundant")]])
        assert list(written) == ["study", "lens", "n_groups", "groups", "targets"]
        assert list(written["targets"][0]) == [
            "name",
            "method",
            "n_masks",
            "r2",
            "spearman",
            "noise_ceiling",
            "interactions",
        ]
        assert written["targets"][0]["interactions"] == [
            {
                "groups": ["a", "c"],
                "members": [0, 2],
                "order": 2,
                "index": "banzhaf",
                "value": -2.0,
                "ci": [0.5, 1.5],
                "moebius": 1.0,
                "full": 1.0,
                "kind": "redundant",
                "q": None,
                "reported": None,
                "verified": "not tested",
            }
        ]

    def test_a_list_of_one_target_without_an_axis_is_the_same_as_with_one(self):
        found = [Found((0,), 1.0), Found((0, 1), 2.0)]
        assert document(found) == document([found])

    def test_a_target_on_which_nothing_acts_has_no_interactions(self):
        assert (
            document([[]])["targets"][0]["interactions"] == document([])["targets"][0]["interactions"] == []
        )

    def test_what_is_not_finite_is_null_and_has_no_entry_if_it_is_the_value(self):
        nothing = float("nan")
        found = [
            Found((0,), nothing),
            Found((1,), 1.0, ci=(nothing, 2.0), moebius=nothing, full=float("inf")),
        ]
        target = document([found], scores=[judged(r2=None, ceiling=None, ci=None)])["targets"][0]
        assert (target["r2"], target["spearman"], target["noise_ceiling"]) == (None, None, None)
        assert [one["members"] for one in target["interactions"]] == [[1]]
        assert {key: target["interactions"][0][key] for key in ("ci", "moebius", "full")} == {
            "ci": None,
            "moebius": None,
            "full": None,
        }

    def test_nothing_held_out_is_unknown_and_not_zero(self):
        target = document([[Found((0,), 1.0)]], scores=[])["targets"][0]
        assert (target["r2"], target["noise_ceiling"]) == (None, None)

    def test_main_effects_do_not_push_out_interactions(self):
        found = [Found((group,), 10.0 + group) for group in range(3)] + [
            Found((0, 1), 1.0),
            Found((0, 2), 3.0),
            Found((1, 2), -2.0),
        ]
        members = [one["members"] for one in document([found], top=2)["targets"][0]["interactions"]]
        assert members == [[2], [1], [0], [0, 2], [1, 2]]

    def test_groups_of_the_same_name_stay_apart_by_their_numbers(self):
        written = document([[Found((0, 1), 1.0)]], names=("same", "same"))
        assert written["targets"][0]["interactions"][0]["members"] == [0, 1]
        assert written["groups"] == ["same", "same"]

    def test_larger_sets_than_asked_for_are_left_out(self):
        found = [Found((0, 1, 2), 5.0), Found((0, 1), 1.0)]
        assert [one["order"] for one in document([found], max_order=2)["targets"][0]["interactions"]] == [2]

    def test_too_few_targets_are_refused(self):
        with pytest.raises(DecodingError, match="interactions of 2 targets, and 3 are named"):
            document([[Found((0,), 1.0)], []], targets=("t", "u", "v"))


class TestFaithfulnessDocument:
    """faithfulness.json holds scores, ceilings with what they are made of, and null for what is unknown."""

    def test_every_number_of_the_ceiling_is_there(self):
        written = faithfulness_document(study="demo", target_names=["t"], faithfulness=[judged()])
        (target,) = written["targets"]
        expected = {
            "name": "t",
            "r2": 0.9,
            "spearman": 0.9,
            "n_masks": 64,
            "n_seeds": 2.0,
            "noise_ceiling": {
                "value": 0.95,
                "ci": [0.9, 0.98],
                "signal_variance": 4.0,
                "seed_variance": 0.5,
                "n_masks": 64,
                "n_seeds": 2.0,
            },
        }
        assert expected.items() <= target.items()
        assert (target["more"], target["r2_ci"]) == ("either", None)

    def test_an_unknown_ceiling_is_null(self):
        one = Faithfulness(None, None, NoiseCeiling(None, None, None, 0, None, None), 0, None)
        written = faithfulness_document(study="demo", target_names=["t"], faithfulness=[one])["targets"][0]
        assert written["noise_ceiling"]["value"] is None
        assert (written["r2"], written["n_masks"], written["n_seeds"]) == (None, 0, None)


class TestAsJson:
    """The text of a document is strict JSON, and the same for the same document."""

    def test_it_ends_with_a_line_and_reads_back(self):
        text = as_json(document([[Found((0, 1), np.float64(1) / 3)]]))
        assert text.endswith("}\n")
        assert json.loads(text, parse_constant=pytest.fail)["targets"][0]["interactions"][0]["value"] == 1 / 3

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_what_json_does_not_know_is_refused(self, value):
        with pytest.raises(ValueError, match="JSON"):
            as_json({"value": value})


class TestReadDocument:
    """A file that is no document is refused with what to do."""

    def test_what_was_written_is_read(self, tmp_path, demo):
        write_document(tmp_path / "interactions.json", demo)
        assert read_document(tmp_path / "interactions.json") == demo

    @pytest.mark.parametrize(
        ("content", "says"),
        [(b"{", "is not JSON"), (b"\xff\xfe\x00", "is not JSON"), (b"[]", "holds a list")],
    )
    def test_other_files_are_refused(self, tmp_path, content, says):
        (tmp_path / "interactions.json").write_bytes(content)
        with pytest.raises(StoreError, match=says):
            read_document(tmp_path / "interactions.json")

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(StoreError, match=r"none\.json: cannot be read"):
            read_document(tmp_path / "none.json")
