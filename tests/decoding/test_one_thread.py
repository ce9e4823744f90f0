from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from spex_data.decoding.linear import Linear
from spex_data.decoding.registry import CheckingDecoder
from spex_data.errors import DecodingError


def threads() -> set[int]:
    """Threads that BLAS would take now."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


class Watching(Linear):
    """Linear, and how many threads there were while it was fitted."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        object.__setattr__(self, "seen", [])
        object.__setattr__(self, "fails", fails)

    def fit(self, problem):
        self.seen.append(threads())
        if self.fails:
            raise DecodingError("fails", where="here", instead="nothing")
        return super().fit(problem)


class TestOneThread:
    """Decoding takes one thread of linear algebra, and leaves the process as it was."""

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_fit_has_one_thread_whatever_the_process_allows(self, fails):
        masks = np.random.default_rng(0).random((40, 4)) < 0.5
        algorithm = Watching(fails)
        with threadpool_limits(2, user_api="blas"):
            before = threads()
            try:
                CheckingDecoder("linear", algorithm).decode(masks, masks @ np.arange(4.0))
            except DecodingError:
                assert fails
            assert threads() == before
        assert algorithm.seen == [{1}]
