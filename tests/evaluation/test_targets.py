from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.errors import TargetError
from spex_data.evaluation import OUTPUTS, make_targets


def one(**changes):
    parts = {"task": "causal-lm", "inputs": ["a"], "answers": ["b"], "outputs": "log-prob", "foils": ["c"]}
    return make_targets(**{**parts, **changes})


class TestIds:
    """An id follows from task, input, answer, foil and output, and from nothing else."""

    @pytest.mark.parametrize(
        "changes",
        [{"task": "classification"}, {"inputs": ["x"]}, {"answers": ["x"]}, {"outputs": "log-odds"}],
        ids=lambda changes: next(iter(changes)),
    )
    def test_another_part_gives_another_id(self, changes):
        assert one(**changes).ids != one().ids

    def test_a_foil_counts_only_where_it_is_used(self):
        assert one(foils=["x"]).ids == one().ids
        assert one(foils=["x"], outputs="contrast").ids != one(outputs="contrast").ids

    def test_a_name_does_not_count(self):
        assert one(names=["x"]).ids == one().ids

    def test_where_one_text_ends_and_the_next_begins_counts(self):
        assert one(inputs=["ab"], answers=["c"]).ids != one(inputs=["a"], answers=["bc"]).ids


class TestNames:
    """Every target has a name of its own."""

    @given(st.lists(st.sampled_from(["a", "a (2)", "b"]), min_size=1, max_size=8))
    def test_names_are_different_and_begin_as_given(self, names):
        targets = make_targets("causal-lm", ["x"] * len(names), ["y"] * len(names), names=names)
        assert len(set(targets.names)) == len(names)
        assert all(shown.startswith(name) for shown, name in zip(targets.names, names, strict=True))

    def test_a_long_input_is_shortened_to_a_name(self):
        (name,) = one(inputs=["word " * 30]).names
        assert len(name) <= 40
        assert name.endswith("…")


class TestRefusals:
    """What cannot be measured is refused with its place and what to write instead."""

    def test_no_targets_at_all(self):
        with pytest.raises(TargetError, match="there are no targets"):
            one(inputs=[], answers=[], foils=[])

    def test_an_unknown_output_is_answered_with_the_known_ones(self):
        with pytest.raises(TargetError, match=f"'margin' for target 0; write one of {', '.join(OUTPUTS)}"):
            one(outputs="margin")

    def test_a_contrast_without_a_foil(self):
        with pytest.raises(TargetError, match=r"targets\.foil: target 1 has none"):
            one(inputs=["a", "b"], answers=["c", "d"], outputs="contrast", foils=["x", None])
