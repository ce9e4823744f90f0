from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import DataError
from spex_data.study import parse_study
from spex_data.study.columns import FEW, describe_columns, read_columns
from spex_data.study.proposal import ROWS, TARGETS, propose
from spex_data.study.proposed_file import proposed_yaml


def classified(n: int, labels: int) -> dict[str, list[str | None]]:
    return {
        "text": [f"text number {row}" for row in range(n)],
        "label": [f"label-{row * labels // n}" for row in range(n)],
    }


def pairs(n: int, **more: list[str | None]) -> dict[str, list[str | None]]:
    return {
        "prompt": [f"What is {row} and one?" for row in range(n)],
        "completion": [f" {row + 1}" for row in range(n)],
        **more,
    }


def proposed(cells, **asked):
    reading = read_columns(describe_columns(cells), source="own.csv")
    return propose(cells, reading, source="own.csv", **asked)


class TestReadingColumns:
    """The columns of a user's table are taken for what their names and values say, or as told."""

    def test_a_text_and_a_label_are_a_classification(self):
        reading = read_columns(describe_columns(classified(40, 4)), source="own.csv")
        assert (reading.task, reading.inputs, reading.answers) == ("classification", "text", "label")

    def test_a_prompt_and_a_completion_are_language_modelling(self):
        reading = read_columns(describe_columns(pairs(40)), source="own.csv")
        assert (reading.task, reading.inputs, reading.answers) == ("causal-lm", "prompt", "completion")

    def test_names_that_say_nothing_are_read_by_what_the_columns_hold(self):
        cells = {"b": ["x", "y"] * 10, "a": [f"a long sentence of number {row}" for row in range(20)]}
        reading = read_columns(describe_columns(cells), source="own.csv")
        assert (reading.inputs, reading.answers) == ("a", "b")

    def test_a_column_that_says_where_rows_come_from_is_preferred_to_the_label(self):
        cells = {**classified(40, 4), "source": ["wiki", "forum"] * 20}
        assert read_columns(describe_columns(cells), source="own.csv").group == "source"

    def test_a_column_of_many_values_is_no_group(self):
        cells = classified(10 * FEW, FEW + 1)
        assert read_columns(describe_columns(cells), source="own.csv").group is None

    def test_a_column_that_is_not_there_is_named_with_those_that_are(self):
        with pytest.raises(DataError, match=r"--answer.*'labl'.*'text', 'label'"):
            read_columns(describe_columns(classified(40, 4)), source="own.csv", answers="labl")

    @pytest.mark.parametrize(
        ("cells", "said"),
        [
            ({}, "only lists or records"),
            ({"text": ["a", "b", "c"], "label": ["x", "y", "x"]}, "holds 3 rows, too few"),
            ({"text": [], "label": []}, "holds 0 rows, too few"),
        ],
    )
    def test_a_table_that_is_no_data_is_told_so_and_not_that_its_columns_are_wrong(self, cells, said):
        with pytest.raises(DataError, match=said):
            read_columns(describe_columns(cells), source="own.csv")

    def test_a_table_without_two_fitting_columns_says_what_to_name(self):
        with pytest.raises(DataError, match="--task, --input and --answer"):
            read_columns(describe_columns({"text": ["a", "b", "c"]}), source="own.csv")


class TestProposing:
    """What is proposed can be run: at least two groups, and targets whose text is not trained on."""

    @given(
        n=st.integers(12, 600),
        labels=st.integers(2, 80),
        shuffled=st.randoms(use_true_random=False),
    )
    @settings(deadline=None, max_examples=60)
    def test_no_target_is_trained_on_and_its_label_is_known(self, n, labels, shuffled):
        cells = classified(n, min(labels, n // 4))
        order = list(range(n))
        shuffled.shuffle(order)
        cells = {name: [column[row] for row in order] for name, column in cells.items()}
        found = proposed(cells)
        seen: dict[str | None, int] = {}
        trained = []
        for row in range(n):
            value = cells[found.per][row] if found.per else None
            seen[value] = seen.get(value, 0) + 1
            if seen[value] <= found.rows:
                trained.append(row)
        assert len(trained) == found.trained <= max(ROWS, len(set(cells["label"])))
        assert not {cells["text"][row] for row in trained} & {cells["text"][row] for row in found.targets}
        assert {cells["label"][row] for row in found.targets} <= {cells["label"][row] for row in trained}
        assert 1 <= len(found.targets) <= TARGETS
        assert found.n_groups >= 2

    def test_many_labels_are_clustered_and_prompts_without_a_column_are_drawn_by_chance(self):
        assert proposed(classified(900, 77)).by == "kmeans"
        assert proposed(pairs(100)).by == "shards"

    def test_with_a_test_file_every_row_may_be_trained_on(self):
        found = proposed(classified(40, 4), test={"text": ["a new one"], "label": ["label-0"]})
        assert (found.trained, found.targets, found.held_back) == (40, (0,), False)

    def test_a_row_without_a_text_is_named(self):
        cells = classified(40, 4)
        cells["text"][7] = " "
        with pytest.raises(DataError, match="row 7 has no value in 'text'"):
            proposed(cells)

    def test_a_file_whose_rows_are_all_the_same_text_has_none_to_explain(self):
        cells = {"text": ["the same"] * 40, "label": ["a", "b"] * 20}
        reading = read_columns(
            describe_columns(cells), source="own.csv", task="classification", inputs="text", answers="label"
        )
        with pytest.raises(DataError, match="no row is left to explain"):
            propose(cells, reading, source="own.csv")


class TestTheFile:
    """The file that is written is a study without errors, whatever the columns are called."""

    @given(name=st.text(min_size=1, max_size=30), column=st.text(min_size=1, max_size=30))
    @settings(deadline=None, max_examples=80)
    def test_names_come_back_as_they_were(self, name, column):
        cells = classified(40, 4)
        cells = {column: cells["text"], column + "?": cells["label"]}
        reading = read_columns(
            describe_columns(cells),
            source="own.csv",
            task="classification",
            inputs=column,
            answers=column + "?",
        )
        text = proposed_yaml(
            propose(cells, reading, source="own.csv"),
            name="own",
            train=f"{name}.csv",
            test=None,
            config=f"{name}.yaml",
        )
        read = yaml.safe_load(text)
        assert read["data"]["train"] == f"{name}.csv"
        assert (read["data"]["text"], read["data"]["label"]) == (column, column + "?")
        assert read["groups"]["column"] == column + "?"

    @pytest.mark.parametrize("cells", [classified(40, 4), classified(900, 77), pairs(60)])
    def test_every_kind_of_groups_makes_a_study_without_errors(self, cells):
        text = proposed_yaml(proposed(cells), name="true", train="own.csv", test=None, config="own.yaml")
        assert parse_study(yaml.safe_load(text)).name == "true"
