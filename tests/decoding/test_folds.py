"""Folds of cross-validation."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.decoding.folds import chosen_elsewhere, folds

label_lists = st.lists(st.integers(0, 12), min_size=1, max_size=60).map(np.array)


class TestFolds:
    """Labels are dealt out whole."""

    @settings(deadline=None)
    @given(label_lists, st.integers(1, 6), st.integers(0, 5))
    def test_rows_of_one_label_are_never_parted_and_no_fold_is_empty(self, labels, n_folds, seed):
        found = folds(labels, n_folds, seed=seed)
        assert all(len(set(found[labels == label].tolist())) == 1 for label in labels)
        assert set(found.tolist()) == set(range(min(n_folds, len(set(labels.tolist())))))

    @settings(deadline=None)
    @given(st.integers(2, 80), st.integers(2, 6), st.integers(0, 5))
    def test_labels_of_one_row_each_give_folds_that_differ_by_one_at_most(self, count, n_folds, seed):
        sizes = np.bincount(folds(np.arange(count), n_folds, seed=seed))
        assert sizes.max() - sizes.min() <= 1

    def test_the_seed_alone_decides(self):
        labels = np.arange(40)
        assert np.array_equal(folds(labels, 5, seed=1), folds(labels, 5, seed=1))
        assert not np.array_equal(folds(labels, 5, seed=1), folds(labels, 5, seed=2))


class TestChosenElsewhere:
    """A fold's candidate is chosen without it."""

    def test_each_fold_gets_the_candidate_that_is_best_on_the_others(self):
        values = np.zeros(6)
        fold_of = np.array([0, 0, 1, 1, 2, 2])
        first = np.array([0.0, 0.0, 0.0, 0.0, 9.0, 9.0])
        second = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
        found = chosen_elsewhere(np.stack([first, second]), values, fold_of)
        assert found.tolist() == [1.0, 1.0, 1.0, 1.0, 9.0, 9.0]
