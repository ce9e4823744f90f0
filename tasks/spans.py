"""Chunks put together into tasks, so that a page shows about a hundred of them however many masks there are.

A chunk is the unit of storing and resuming: at most the chunks in hand are lost. A span of consecutive chunks
is one Prefect task run and one MLflow child run.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pydantic import BaseModel as Record

from tasks.design import PLAN, Chunk

MOST_SPANS = 100
SPANS_A_WORKER = 4
"""At least so many where chunks suffice: workers that finish early find another one."""


class Span(Record, frozen=True):
    """Consecutive chunks that one task measures.

    Attributes:
        chunks: At least one, in order; chunks with nothing missing are not among them.
    """

    chunks: tuple[Chunk, ...]

    @property
    def start(self) -> int:
        """First row of the plan."""
        return self.chunks[0].start

    @property
    def last(self) -> int:
        """Last row of the plan."""
        return self.chunks[-1].last

    @property
    def total(self) -> int:
        """Rows of the whole plan."""
        return self.chunks[0].total

    @property
    def missing(self) -> int:
        """Fine-tunes still to do."""
        return sum(len(chunk.rows) for chunk in self.chunks)

    @property
    def plan(self) -> str:
        """File in the run folder that lists the rows."""
        return self.chunks[0].plan

    @property
    def stage(self) -> str:
        """What the rows are for: the study itself, or verification."""
        return "fine-tune" if self.plan == PLAN else "verify"

    @property
    def name(self) -> str:
        """What it measures, as pages name it."""
        return f"{'masks' if self.stage == 'fine-tune' else 'verify'} {self.start}-{self.last}"


def spans(chunks: Sequence[Chunk], workers: int = 1) -> list[Span]:
    """Cuts chunks into spans of nearly equal length, the longer ones first.

    Args:
        chunks: In order.
        workers: How many measure at once.

    Returns:
        At most max(`MOST_SPANS`, `SPANS_A_WORKER` x workers); every chunk is in one of them.
    """
    n = min(len(chunks), max(MOST_SPANS, SPANS_A_WORKER * workers))
    if not n:
        return []
    length, longer = divmod(len(chunks), n)
    edges = [place * length + min(place, longer) for place in range(n + 1)]
    return [Span(chunks=tuple(chunks[start:stop])) for start, stop in pairwise(edges)]
