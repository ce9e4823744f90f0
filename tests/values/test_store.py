from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import StoreError
from spex_data.values import ValueRecords, ValueStore


def records(start: int, count: int, targets: int = 2, failed: int | None = None) -> ValueRecords:
    rows = range(start, start + count)
    values = np.array([[row + target / 10 for target in range(targets)] for row in rows])
    if failed is not None:
        values[failed] = np.nan
    return ValueRecords(
        keys=[[f"key-{row}-{target}" for target in range(targets)] for row in rows],
        masks=[f"{row:08b}" for row in rows],
        roles=["train"] * count,
        seeds=np.arange(start, start + count),
        targets=[f"target-{target}" for target in range(targets)],
        values=values,
        causes=["loss became NaN in step 3" if i == failed else None for i in range(count)],
    )


class TestValueStore:
    """A store gives back by key what was appended, and nothing else."""

    @settings(deadline=None, max_examples=20)
    @given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5))
    def test_every_value_appended_is_found_by_its_key(self, tmp_path_factory, sizes):
        store = ValueStore(tmp_path_factory.mktemp("store"))
        starts = np.cumsum([0, *sizes])
        for start, size in zip(starts, sizes, strict=False):
            store.append(records(int(start), size))
        known, values, _ = store.read().lookup(records(0, int(starts[-1])).keys)
        assert known.all()
        np.testing.assert_array_equal(values, records(0, int(starts[-1])).values)

    def test_a_key_that_was_never_appended_is_unknown(self, tmp_path):
        store = ValueStore(tmp_path)
        store.append(records(0, 2))
        known, values, _ = store.read().lookup([["key-0-0", "another"]])
        assert known.tolist() == [[True, False]]
        assert np.isnan(values[0, 1])

    def test_a_store_that_was_never_written_knows_nothing(self, tmp_path):
        known, _, causes = ValueStore(tmp_path / "none").read().lookup([["a"], ["b"]])
        assert not known.any()
        assert causes == [None, None]

    def test_a_failed_fine_tune_is_known_and_has_its_cause_and_no_value(self, tmp_path):
        store = ValueStore(tmp_path)
        store.append(records(0, 3, failed=1))
        known, values, causes = store.read().lookup(records(0, 3).keys)
        assert known.all()
        assert np.isnan(values[1]).all()
        assert causes == [None, "loss became NaN in step 3", None]

    def test_appending_the_same_records_again_adds_nothing(self, tmp_path):
        store = ValueStore(tmp_path)
        assert store.append(records(0, 3)) == store.append(records(0, 3))
        assert len(store.read()) == 6

    def test_a_truncated_part_is_set_aside_and_only_its_values_are_missing(self, tmp_path):
        store = ValueStore(tmp_path)
        broken = store.append(records(0, 2))
        store.append(records(2, 2))
        os.truncate(broken, broken.stat().st_size // 2)
        stored = store.read()
        known, _, _ = stored.lookup(records(0, 4).keys)
        assert stored.damaged == (broken.name,)
        assert known.all(axis=1).tolist() == [False, False, True, True]
        assert store.read().damaged == ()

    def test_a_writer_stopped_before_the_rename_leaves_no_part(self, tmp_path, monkeypatch):
        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        store = ValueStore(tmp_path)
        monkeypatch.setattr("spex_data.values.whole_files.os.fsync", stop)
        with pytest.raises(KeyboardInterrupt):
            store.append(records(0, 2))
        assert len(store.read()) == 0

    def test_a_full_disk_is_one_clear_message(self, tmp_path, monkeypatch):
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("spex_data.values.whole_files.os.fsync", full)
        with pytest.raises(StoreError, match=r"No space left on device.*--out"):
            ValueStore(tmp_path).append(records(0, 2))
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_made_is_one_clear_message(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="cannot be written"):
            ValueStore(tmp_path / "file" / "values").append(records(0, 2))
