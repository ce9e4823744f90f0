from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.decoding.uncertainty.sampling import follows, sample
from spex_data.errors import MaskError
from spex_data.masks import design_masks, mask_string
from spex_data.masks.inheritance import Inherited, inheriting_design, read_inherited, stratum


def inherited(n=8, parts=2, p=0.5, budget=40, seed=0, heldout=32):
    """The masks of a run over n groups of which the first is split."""
    coarse = design_masks(n, budget=budget, p=p, heldout=heldout, seed=seed)
    places = [0] * parts + list(range(1, n))
    keys = tuple(f"finer {place}" for place in range(n + parts - 1))
    return Inherited(
        keys,
        keys[:parts],
        coarse.training[:, places],
        coarse.training_draws,
        np.ones(len(coarse.training), np.bool_),
        coarse.heldout[:, places],
        coarse.heldout_draws,
    )


def rows(masks):
    return [mask_string(mask) for mask in masks]


class TestInheritingDesign:
    """The masks of a coarser run come first, and only masks with some of the parts are added."""

    @settings(deadline=None, max_examples=20)
    @given(
        parts=st.integers(2, 5),
        p=st.sampled_from([0.3, 0.5, 0.8]),
        more=st.integers(0, 60),
        seed=st.integers(0, 2**20),
    )
    def test_nothing_comes_twice_and_nothing_is_both_trained_and_held_out(self, parts, p, more, seed):
        before = inherited(parts=parts, p=p, seed=seed)
        design = inheriting_design(before, budget=40 + more, p=p, heldout=32, seed=seed)
        assert rows(design.training[:40]) == rows(before.training)
        assert design.training_draws[:40].tolist() == before.training_draws.tolist()
        both = rows(design.training) + rows(design.heldout)
        assert len(set(both)) == len(both) == 40 + more + 32
        assert (stratum(design.training[40:], range(parts)) == 1).all()

    def test_held_out_masks_are_of_each_stratum_as_many_as_the_law_gives_it(self):
        before = inherited(heldout=64, n=9)
        design = inheriting_design(before, budget=80, p=0.5, heldout=64, seed=0)
        counts = np.bincount(stratum(design.heldout, [0, 1]), minlength=3)
        assert counts.tolist() == [16, 32, 16]
        reused = set(rows(before.heldout)) & set(rows(design.heldout))
        assert len(reused) == 32

    def test_a_larger_budget_only_adds_masks_at_the_end(self):
        before = inherited()
        small = inheriting_design(before, budget=50, p=0.5, heldout=16, seed=0)
        large = inheriting_design(before, budget=90, p=0.5, heldout=16, seed=0)
        assert rows(large.training[:50]) == rows(small.training)
        assert rows(large.heldout) == rows(small.heldout)

    @pytest.mark.parametrize(("parts", "p"), [(2, 0.5), (3, 0.5), (2, 0.7)])
    def test_lawful_masks_are_a_sample_of_the_finer_law(self, parts, p):
        design = inheriting_design(
            inherited(n=10, parts=parts, p=p, budget=300), budget=400, p=p, heldout=0, seed=1
        )
        assert design.lawful is not None
        lawful = design.training[design.lawful]
        counts = np.bincount(stratum(lawful, range(parts)), minlength=3) / len(lawful)
        np.testing.assert_allclose(
            counts, [(1 - p) ** parts, 1 - p**parts - (1 - p) ** parts, p**parts], atol=0.02
        )
        assert design.lawful[300:].mean() > 0.9
        assert follows(sample(lawful, design.distribution))
        everything = np.bincount(stratum(design.training, range(parts)), minlength=3) / len(design.training)
        assert abs(everything[1] - counts[1]) > 0.1

    def test_chosen_masks_of_the_coarser_run_stay_what_they_were(self):
        before = inherited()
        before = replace(before, lawful=np.arange(40) < 25)
        design = inheriting_design(before, budget=80, p=0.5, heldout=16, seed=0)
        assert design.lawful is not None
        assert not design.lawful[25:40].any()

    def test_a_budget_below_what_is_there_is_refused(self):
        with pytest.raises(MaskError, match="40 masks are inherited"):
            inheriting_design(inherited(), budget=39, p=0.5, heldout=16, seed=0)


class TestFile:
    """The file of inherited masks is for one set of groups, and reads as it was written."""

    def test_it_reads_as_it_was_written(self, tmp_path):
        before, path = inherited(), str(tmp_path / "inherited.parquet")
        pq.write_table(before.to_table(), path)
        after = read_inherited(path, before.groups)
        assert rows(after.training) == rows(before.training)
        assert rows(after.heldout) == rows(before.heldout)
        assert after.parts == before.parts
        assert after.training_draws.tolist() == before.training_draws.tolist()
        assert after.lawful.tolist() == before.lawful.tolist()

    def test_other_groups_and_other_files_are_refused(self, tmp_path):
        path = tmp_path / "inherited.parquet"
        pq.write_table(inherited().to_table(), path)
        with pytest.raises(MaskError, match="made for other groups"):
            read_inherited(str(path), [*"abcdefghi"])
        path.write_text("nothing")
        with pytest.raises(MaskError, match="cannot be read"):
            read_inherited(str(path), [*"abcdefghi"])
