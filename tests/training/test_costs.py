from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.training.costs import ProbedCosts, WayCosts, estimate

COSTS = ProbedCosts(
    engine=WayCosts(10.0, 0.5),
    loop=WayCosts(40.0, 2.0),
    adapters_per_pass=8,
    prepare_seconds=3.0,
    adapter_bytes=1000,
    worker_bytes=10**9,
    trained=9,
)


class TestEstimate:
    """A study costs what its fine-tunes cost, by the tokens that each of them reads."""

    def test_every_fine_tune_pays_for_its_tokens_and_for_measuring(self):
        found = estimate(COSTS, np.array([100_000.0, 300_000.0]), workers=1, kept=2, targets=5)
        assert found.seconds == pytest.approx(3.0 + (1.0 + 0.5) + (3.0 + 0.5))
        assert found.seconds_a_mask == pytest.approx(2.5)
        assert found.loop_seconds == pytest.approx(4.0 + 2.0 + 12.0 + 2.0)
        assert found.speedup == pytest.approx(4.0)
        assert found.disk_bytes == pytest.approx(2 * 1000 + 2 * 5 * 160)

    @given(
        tokens=st.lists(st.floats(0, 1e6), min_size=1, max_size=20).map(np.array), workers=st.integers(1, 9)
    )
    def test_workers_share_the_fine_tunes_and_each_prepares(self, tokens, workers):
        alone = estimate(COSTS, tokens, workers=1, kept=0, targets=1)
        shared = estimate(COSTS, tokens, workers=workers, kept=0, targets=1)
        assert shared.seconds - 3.0 == pytest.approx((alone.seconds - 3.0) / workers)
        assert shared.seconds_a_mask == alone.seconds_a_mask

    def test_a_study_that_is_done_costs_nothing(self):
        found = estimate(COSTS, np.zeros(0), workers=2, kept=0, targets=5)
        assert (found.fine_tunes, found.seconds, found.loop_seconds, found.disk_bytes) == (0, 0.0, 0.0, 0)
