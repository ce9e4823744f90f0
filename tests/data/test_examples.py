from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.data import make_examples
from spex_data.errors import DataError

rows = st.lists(
    st.tuples(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip)),
    min_size=1,
    max_size=8,
)


def examples_of(pairs, task="classification"):
    return make_examples(task, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


class TestIds:
    """An id names one example by its content."""

    @given(rows)
    def test_ids_are_distinct_and_16_hexadecimal_characters(self, pairs):
        ids = examples_of(pairs).ids
        assert len(set(ids)) == len(pairs)
        assert all(len(name) == 16 and set(name) <= set("0123456789abcdef") for name in ids)

    @given(rows, rows)
    def test_an_id_does_not_depend_on_other_content(self, pairs, others):
        new = [pair for pair in others if pair not in pairs]
        assert set(examples_of(pairs).ids) <= set(examples_of([*new, *pairs]).ids)

    @given(rows, st.randoms(use_true_random=False))
    def test_the_order_of_the_rows_does_not_change_the_set_of_ids(self, pairs, random):
        shuffled = random.sample(pairs, len(pairs))
        assert set(examples_of(shuffled).ids) == set(examples_of(pairs).ids)

    def test_identical_rows_have_different_ids(self):
        first, second = examples_of([("a", "b"), ("a", "b")]).ids
        assert first != second

    def test_text_that_moves_from_input_to_output_changes_the_id(self):
        assert examples_of([("ab", "c")]).ids != examples_of([("a", "bc")]).ids

    def test_the_task_is_part_of_the_id(self):
        assert examples_of([("a", "b")]).ids != examples_of([("a", "b")], task="causal-lm").ids

    def test_ids_stay_what_they_were_in_earlier_releases(self):
        assert examples_of([("text", "label")]).ids == ("82d95b2fdd46c5fc",)

    def test_further_columns_do_not_change_the_id(self):
        plain = make_examples("classification", ["a"], ["b"])
        assert make_examples("classification", ["a"], ["b"], {"group": ["g"]}).ids == plain.ids


class TestContentHash:
    """The hash names what is trained on, row by row."""

    def test_the_same_rows_have_the_same_hash_whatever_their_further_columns(self):
        plain = make_examples("classification", ["a"], ["b"])
        assert (
            make_examples("classification", ["a"], ["b"], {"group": ["g"]}).content_hash == plain.content_hash
        )

    def test_another_order_or_another_row_gives_another_hash(self):
        pairs = [("a", "b"), ("c", "d")]
        hashes = {
            examples_of(rows).content_hash for rows in (pairs, pairs[::-1], pairs[:1], [*pairs, ("e", "f")])
        }
        assert len(hashes) == 4


class TestMakeExamples:
    """Texts in memory become examples, or an error says which row is at fault."""

    def test_labels_are_sorted_and_unique(self):
        assert examples_of([("x", "b"), ("y", "a"), ("z", "b")]).labels == ("a", "b")

    def test_causal_language_modelling_has_no_labels(self):
        assert examples_of([("x", "b")], task="causal-lm").labels == ()

    def test_columns_are_kept(self):
        examples = make_examples("classification", ["a", "b"], ["x", "y"], {"group": ["g", "h"]})
        assert examples.columns == {"group": ("g", "h")}

    def test_white_space_is_kept(self):
        assert examples_of([(" a\n", " b")]).inputs == (" a\n",)

    @pytest.mark.parametrize(("task", "part"), [("classification", "label"), ("causal-lm", "completion")])
    def test_a_blank_output_is_refused_by_row_and_by_its_name_in_the_task(self, task, part):
        with pytest.raises(DataError, match=f"the {part} of row 1 is empty"):
            make_examples(task, ["a", "b"], ["x", " "])

    def test_an_unknown_task_is_refused(self):
        with pytest.raises(DataError, match="task 'regression' is unknown"):
            make_examples("regression", ["a"], ["b"])

    def test_no_rows_are_refused(self):
        with pytest.raises(DataError, match="no examples"):
            make_examples("classification", [], [])

    def test_lengths_that_differ_are_refused(self):
        with pytest.raises(DataError, match="1 rows of text and 2 of label"):
            make_examples("classification", ["a"], ["x", "y"])
        with pytest.raises(DataError, match="1 rows of text and 0 of group"):
            make_examples("classification", ["a"], ["x"], {"group": []})


class TestSelect:
    """A selection keeps rows with their ids."""

    @given(rows, st.data())
    def test_every_part_of_a_row_stays_together(self, pairs, data):
        whole = make_examples(
            "classification", *map(list, zip(*pairs, strict=True)), {"n": [str(i) for i in range(len(pairs))]}
        )
        chosen = data.draw(st.lists(st.integers(0, len(pairs) - 1), unique=True, min_size=1))
        part = whole.select(chosen)
        assert [(part.inputs[i], part.outputs[i]) for i in range(len(part))] == [pairs[row] for row in chosen]
        assert part.ids == tuple(whole.ids[row] for row in chosen)
        assert part.columns["n"] == tuple(str(row) for row in chosen)

    @pytest.mark.parametrize("row", [-1, 2])
    def test_a_row_that_does_not_exist_is_refused(self, row):
        with pytest.raises(DataError, match=f"no row {row}; choose rows between 0 and 1"):
            examples_of([("a", "b"), ("c", "d")]).select([0, row])

    def test_a_row_chosen_twice_is_refused(self):
        with pytest.raises(DataError, match="row 1 is chosen twice"):
            examples_of([("a", "b"), ("c", "d")]).select([0, 1, 1])
