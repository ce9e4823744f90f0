"""Studies in rounds: which masks to measure next, and when enough is known."""

from spex_data.adaptive.choice import next_round
from spex_data.adaptive.goals import Decision, Known, decide, known_r2, known_so_far
from spex_data.adaptive.rounds import round_ends

__all__ = ["Decision", "Known", "decide", "known_r2", "known_so_far", "next_round", "round_ends"]
