from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spex_data.errors import StoreError
from spex_data.masks import mask_key
from spex_data.values import ValueTable, read_value_table, write_value_table


def table(masks, seeds, values, roles=None, targets=None) -> ValueTable:
    values = np.asarray(values, dtype=float)
    return ValueTable(
        targets=targets or tuple(f"t{i}" for i in range(values.shape[1])),
        masks=np.asarray(masks, dtype=bool),
        roles=tuple(roles or ["train"] * len(values)),
        seeds=np.asarray(seeds, dtype=np.int64),
        values=values,
        causes=tuple("failed" if np.isnan(row).any() else None for row in values),
    )


class TestAligned:
    """Rows are joined by mask, never by position."""

    def test_a_mask_with_several_seeds_has_their_mean(self):
        masks, values = table([[0, 1], [1, 1], [0, 1]], [1, 1, 2], [[1.0], [5.0], [3.0]]).aligned()
        assert masks.tolist() == [[False, True], [True, True]]
        assert values.tolist() == [[2.0], [5.0]]

    @settings(deadline=None)
    @given(data=st.data())
    def test_the_order_of_rows_changes_no_mean(self, data):
        masks = data.draw(hnp.arrays(bool, (6, 3)))
        order = data.draw(st.permutations(range(6)))
        values = np.arange(6.0)[:, None]
        plain = table(masks, range(6), values).aligned()
        moved = table(masks[order], np.arange(6)[order], values[order]).aligned()
        means = [{mask_key(m): v[0] for m, v in zip(*one, strict=True)} for one in (plain, moved)]
        assert means[0] == pytest.approx(means[1])

    def test_rows_of_another_role_are_left_out(self):
        masks, _ = table([[0, 1], [1, 1]], [1, 1], [[1.0], [5.0]], roles=["heldout", "train"]).aligned()
        assert masks.tolist() == [[True, True]]

    def test_a_failed_row_is_left_out_and_the_other_seed_counts_alone(self):
        masks, values = table([[0, 1], [0, 1], [1, 1]], [1, 2, 1], [[np.nan], [4.0], [np.nan]]).aligned()
        assert masks.tolist() == [[False, True]]
        assert values.tolist() == [[4.0]]


class TestReplicates:
    """Each seed's value stands in its own place."""

    def test_masks_with_fewer_seeds_are_padded_with_nan(self):
        _, values = table([[0, 1], [0, 1], [1, 1]], [1, 2, 1], [[1.0], [2.0], [3.0]]).replicates("train")
        np.testing.assert_array_equal(values[:, :, 0], [[1.0, 2.0], [3.0, np.nan]])


class TestFiles:
    """A table written is the table read."""

    @settings(deadline=None, max_examples=30)
    @given(data=st.data())
    def test_round_trip(self, tmp_path_factory, data):
        rows = data.draw(st.integers(1, 8))
        values = data.draw(hnp.arrays(float, (rows, 2), elements=st.floats(-1e6, 1e6) | st.just(np.nan)))
        roles = data.draw(
            st.lists(st.sampled_from(["train", "heldout", "verify"]), min_size=rows, max_size=rows)
        )
        written = table(data.draw(hnp.arrays(bool, (rows, 5))), range(rows), values, roles)
        path = tmp_path_factory.mktemp("table") / "values.parquet"
        write_value_table(written, path)
        read = read_value_table(path)
        np.testing.assert_array_equal(read.masks, written.masks)
        np.testing.assert_array_equal(read.values, written.values)
        assert (read.targets, read.roles, read.causes) == (written.targets, written.roles, written.causes)

    def test_the_same_table_gives_the_same_bytes(self, tmp_path):
        written = table([[0, 1], [1, 1]], [1, 2], [[1.0], [2.0]])
        for name in ("a", "b"):
            write_value_table(written, tmp_path / f"{name}.parquet")
        assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()

    def test_a_foreign_csv_needs_only_masks_and_values(self, tmp_path):
        (tmp_path / "v.csv").write_text("value,mask,note\n1.5,010,x\n2.5,011,\n")
        read = read_value_table(tmp_path / "v.csv")
        assert read.masks.tolist() == [[False, True, False], [False, True, True]]
        assert read.values.tolist() == [[1.5], [2.5]]
        assert read.roles == ("train", "train")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("V.CSV", "mask,value\n010,0.5\n011,-2\n"),
            ("v.csv", "mask;value;target\n010;0,5;a\n011;-2;a\n"),
            ("v.csv", "mask;value\n010;0.5\n011;-2\n"),
            ("v.csv", "mask;value;role\n010;0,5;\n011;-2,0;\n"),
            ("v.tsv", "mask\tvalue\n010\t0.5\n011\t-2\n"),
            ("v.csv", "\ufeffmask,value\r\n010,0.5\r\n011,-2\r\n"),
        ],
    )
    def test_a_csv_file_has_the_separator_and_the_decimal_mark_of_its_writer(self, tmp_path, name, text):
        (tmp_path / name).write_text(text)
        read = read_value_table(tmp_path / name)
        assert read.masks.tolist() == [[False, True, False], [False, True, True]]
        assert read.values.tolist() == [[0.5], [-2.0]]

    def test_a_blank_role_is_a_training_row(self, tmp_path):
        (tmp_path / "v.csv").write_text("mask,value,role\n010,1,\n011,2,heldout\n")
        assert read_value_table(tmp_path / "v.csv").roles == ("train", "heldout")

    def test_repeated_measurements_of_one_mask_are_all_kept(self, tmp_path):
        (tmp_path / "v.csv").write_text("mask,value\n01,1\n01,3\n")
        assert read_value_table(tmp_path / "v.csv").aligned()[1].tolist() == [[2.0]]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("mask,score\n01,1\n", "has no column 'value'"),
            ("mask,value\n", "no rows"),
            ("mask,value\n01,high\n", "column 'value' holds 'high' and not numbers"),
            ('mask,value\n01,2\n01,"0,5"\n', "column 'value' holds '0,5' and not numbers"),
            ("mask,value,role\n01,1,train\n11,1,test\n", "column 'role' holds 'test'"),
            ("mask,value\n01,1\n0x,2\n", "in row 1"),
            ("mask,value\n01,1\n,2\n", "blank rows"),
        ],
    )
    def test_a_table_that_is_none_is_refused_with_the_reason(self, tmp_path, text, says):
        (tmp_path / "v.csv").write_text(text)
        with pytest.raises(StoreError, match=says):
            read_value_table(tmp_path / "v.csv")

    def test_a_file_that_is_not_there_or_not_parquet_is_refused(self, tmp_path):
        (tmp_path / "v.parquet").write_text("hello")
        (tmp_path / "v.xlsx").write_text("hello")
        for name in ("none.parquet", "v.parquet", "v.xlsx"):
            with pytest.raises(StoreError, match=name):
                read_value_table(tmp_path / name)
