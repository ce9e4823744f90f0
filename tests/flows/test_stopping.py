from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.exceptions import CancelledRun

from flows.interrupts import listen
from flows.stopping import Stopped, result_of, stopped, until, workers_told


def run(durations: list[float], deadline: float | None, *, at_once: int = 1) -> tuple[list[int], float]:
    """Chunks of given seconds on so many workers; (which were done, when the last one ended)."""
    now = [0.0]

    def start(chunk: int) -> tuple[int, float]:
        return chunk, now[0] + durations[chunk]

    def first(begun: list[tuple[int, float]]) -> tuple[tuple[int, float], int]:
        future = min(begun, key=lambda one: one[1])
        now[0] = max(now[0], future[1])
        return future, future[0]

    done = until(deadline, range(len(durations)), start, first, at_once=lambda: at_once, clock=lambda: now[0])
    return list(done), now[0]


class TestUntil:
    """No chunk is begun that would probably end after the deadline, and at least one is done."""

    def test_without_a_deadline_all_are_done(self):
        assert run([1.0] * 5, None)[0] == [0, 1, 2, 3, 4]

    def test_a_chunk_that_would_end_too_late_is_not_begun(self):
        assert run([1.0] * 5, 3.5) == ([0, 1, 2], 3.0)

    def test_a_limit_too_short_for_one_chunk_still_does_one(self):
        assert run([10.0] * 3, 1.0) == ([0], 10.0)

    def test_what_several_workers_have_begun_is_waited_for(self):
        done, ended = run([1.0, 2.0, 1.0, 2.0, 1.0, 1.0], 3.5, at_once=2)
        assert done == [0, 1, 2]
        assert ended == 2.0

    def test_workers_that_join_later_are_given_chunks_too(self):
        workers, most = iter([1, 1, 3]), 0

        def first(begun: list[int]) -> tuple[int, int]:
            nonlocal most
            most = max(most, len(begun))
            return begun[0], begun[0]

        done = until(None, range(6), lambda chunk: chunk, first, at_once=lambda: next(workers, 3))
        assert list(done) == [0, 1, 2, 3, 4, 5]
        assert most == 3

    @given(
        st.lists(st.floats(0.01, 10), min_size=1, max_size=12),
        st.floats(0, 30),
        st.integers(1, 4),
    )
    def test_chunks_of_equal_length_never_end_after_the_deadline_but_for_the_first(
        self, durations, deadline, at_once
    ):
        equal = [durations[0]] * len(durations)
        done, ended = run(equal, deadline, at_once=at_once)
        assert 1 <= len(done) == len(set(done)) <= len(equal)
        assert ended <= max(deadline, durations[0]) + 1e-9


class TestResult:
    """A flow that its limit of time ended is no failure and no result."""

    def test_a_cancelled_flow_is_stopped_with_its_message(self):
        def flow(words: str) -> None:
            raise CancelledRun(words)

        with pytest.raises(Stopped, match=r"runner.max_hours = 1.5: 8 of 26 fine-tunes are measured"):
            result_of(flow, str(stopped(8, 26, 1.5)))

    def test_a_flow_that_ends_gives_its_own_result_whatever_its_state_comes_back_with(self):
        assert result_of(lambda half, *, more: half + more, 1, more=2) == 3


class TestWorkersTold:
    """Workers that outlive their flow learn that it has ended."""

    def test_an_interrupt_leaves_word_for_them_and_an_ordinary_end_does_not(self, tmp_path):
        with workers_told(tmp_path / "word"):
            pass
        assert not (tmp_path / "word").exists()
        with pytest.raises(KeyboardInterrupt), workers_told(tmp_path / "word"):
            raise KeyboardInterrupt
        assert (tmp_path / "word").exists()
        with workers_told(tmp_path / "word"):
            assert not (tmp_path / "word").exists()


@pytest.fixture
def listening():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    listen()
    yield
    listen()
    for number, handler in before.items():
        signal.signal(number, handler)


class TestInterrupts:
    """Who asks a run to end is heard, wherever the run is."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interrupt_that_is_lost_ends_the_run_before_its_next_chunk(self, listening, number):
        done = []

        def start(chunk):
            if chunk == 2:
                with suppress(KeyboardInterrupt):
                    os.kill(os.getpid(), number)
            return chunk

        with pytest.raises(KeyboardInterrupt):
            done.extend(until(None, range(5), start, lambda begun: (begun[0], begun[0])))
        assert done == [0, 1, 2]

    def test_without_one_every_chunk_is_done(self, listening):
        done = list(until(None, range(5), lambda chunk: chunk, lambda begun: (begun[0], begun[0])))
        assert done == [0, 1, 2, 3, 4]
