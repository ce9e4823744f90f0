from __future__ import annotations

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from tasks.design import Chunk
from tasks.spans import MOST_SPANS, SPANS_A_WORKER, Span, spans


def chunks(n: int, size: int = 32) -> list[Chunk]:
    return [
        Chunk(
            index=i,
            start=i * size,
            stop=(i + 1) * size,
            total=n * size,
            rows=tuple(range(i * size, (i + 1) * size)),
        )
        for i in range(n)
    ]


class TestSpans:
    """Consecutive chunks become about a hundred tasks, however many there are."""

    @given(n=st.integers(0, 2000), workers=st.integers(1, 300))
    def test_every_chunk_is_in_one_span_in_its_order_and_lengths_differ_by_one_at_most(self, n, workers):
        cut = spans(chunks(n), workers)
        assert [chunk.index for chunk in chain.from_iterable(span.chunks for span in cut)] == list(range(n))
        assert len(cut) == min(n, max(MOST_SPANS, SPANS_A_WORKER * workers))
        lengths = [len(span.chunks) for span in cut]
        assert max(lengths, default=0) - min(lengths, default=0) <= 1

    def test_few_chunks_are_a_span_each(self):
        assert [len(span.chunks) for span in spans(chunks(MOST_SPANS))] == [1] * MOST_SPANS

    def test_a_span_is_named_by_its_first_and_last_row(self):
        span = Span(chunks=tuple(chunks(8)[2:4]))
        assert (span.name, span.start, span.last, span.total, span.missing) == (
            "masks 64-127",
            64,
            127,
            256,
            64,
        )
