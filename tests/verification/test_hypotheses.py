"""What of a decoder's list is retrained, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

from spex_data.verification.hypotheses import claimed


@dataclass(frozen=True)
class One:
    members: tuple[int, ...]
    value: float
    ci: tuple[float, float] | None
    reported: bool | None = True


SURE = One((0, 1), -2.0, (-2.2, -1.8))
VAGUE = One((2, 3), 3.0, (0.0, 6.0))
TINY = One((4, 5), 0.1, (-0.4, 0.6))
BARE = One((6, 7), 9.0, None)


class TestClaimed:
    """Every target has its turn; within a turn the surest comes first, whatever the order of the targets."""

    def test_the_surest_of_all_targets_comes_first(self):
        order = [target for target, _ in claimed([[TINY], [VAGUE], [BARE], [SURE]], top=3)]
        assert order == [3, 1, 0, 2]

    def test_a_targets_second_comes_after_the_first_of_every_other(self):
        second = One((0, 2), -1.9, (-1.95, -1.85))
        assert [one for _, one in claimed([[SURE, second], [TINY]], top=3)] == [SURE, TINY, second]

    def test_the_largest_of_a_target_are_its_claims(self):
        assert [one for _, one in claimed([[TINY, SURE, VAGUE]], top=2)] == [VAGUE, SURE]

    def test_what_is_not_reported_is_no_claim_nor_what_may_be_zero_where_nothing_was_tested(self):
        hidden = One((0, 1), 5.0, (4.0, 6.0), reported=False)
        untested = One((0, 1), 5.0, (-1.0, 6.0), reported=None)
        assert claimed([[hidden, untested]], top=3) == []
