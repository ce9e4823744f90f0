"""Binary BCH codes, as far as sets of groups need them: parity checks that tell small sets apart.

The checks of a set k, H k over GF(2), name every set of at most `degree` groups, and the set is read off
them algebraically. A group is a column of H: the powers x, x^3, .., x^(2 degree - 1) of a field element of
its own. (Bose and Ray-Chaudhuri 1960; decoding: Berlekamp 1968, Massey 1969, Chien 1964.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spex_data.errors import MaskError

_PRIMITIVE = {
    2: 0b111,
    3: 0b1011,
    4: 0b10011,
    5: 0b100101,
    6: 0b1000011,
    7: 0b10001001,
    8: 0b100011101,
    9: 0b1000010001,
    10: 0b10000001001,
    11: 0b100000000101,
    12: 0b1000001010011,
    13: 0b10000000011011,
    14: 0b100010001000011,
}
"""A primitive polynomial of each degree: x generates the field's multiplicative group."""
MOST_GROUPS = 2**14
_CHUNK_NUMBERS = 2_000_000


@dataclass(frozen=True, eq=False)
class Field:
    """GF(2^m) by logarithms; an element is an integer whose bits are its coordinates.

    Attributes:
        bits: m.
        powers: int64[5 (2^m - 1)], x^0, x^1, ..., and zeros from 2 (2^m - 1) on, where sums of logarithms
            with one of zero end up.
        logs: int64[2^m]; that of zero is 2 (2^m - 1).
    """

    bits: int
    powers: NDArray[np.int64]
    logs: NDArray[np.int64]

    @property
    def order(self) -> int:
        """2^m - 1, the number of elements that are not zero."""
        return int(2**self.bits - 1)

    def times(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
        """Products, element by element."""
        return self.powers[self.logs[a] + self.logs[b]]

    def over(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
        """Quotients; no b may be zero."""
        logs = self.logs[a]
        return np.where(a == 0, 0, self.powers[(logs - self.logs[b]) % self.order])


@lru_cache(maxsize=8)
def field(bits: int) -> Field:
    """GF(2^bits), 2 <= bits <= 14."""
    order = 2**bits - 1
    powers = np.zeros(5 * order, dtype=np.int64)
    logs = np.zeros(order + 1, dtype=np.int64)
    element = 1
    for exponent in range(order):
        powers[exponent] = powers[exponent + order] = element
        logs[element] = exponent
        element <<= 1
        if element > order:
            element ^= _PRIMITIVE[bits]
    logs[0] = 2 * order
    return Field(bits, powers, logs)


@dataclass(frozen=True, eq=False)
class BchCode:
    """Parity checks that tell sets of at most `degree` of n groups apart.

    Attributes:
        degree: t.
        field: The field of the locators.
        locators: int64[n], a field element for each group, no two alike.
        checks: bool[r, n], H: independent rows.
        expand: bool[s, r], from the checks of a set to the bits of its power sums of odd exponents 1, 3, ..,
            2 t - 1, and to its parity (its size modulo 2) where zero is a locator.
    """

    degree: int
    field: Field
    locators: NDArray[np.int64]
    checks: NDArray[np.bool_]
    expand: NDArray[np.bool_]

    @property
    def n_groups(self) -> int:
        """n."""
        return len(self.locators)

    @property
    def n_checks(self) -> int:
        """r, the bits that name a set."""
        return len(self.checks)

    def restricted(self, places: NDArray[np.int64]) -> BchCode:
        """The code of some of the groups (the shortened code), with the same checks."""
        return BchCode(self.degree, self.field, self.locators[places], self.checks[:, places], self.expand)

    def syndromes(self, sets: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """H k of each set; bool[q, n] -> bool[q, r]."""
        return times_gf2(sets, self.checks.T)

    def decode(self, syndromes: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The sets of at most `degree` groups that have these checks.

        Args:
            syndromes: bool[q, r].

        Returns:
            (sets bool[q, n], found bool[q]); where not found, no set of at most `degree` groups has them.
        """
        sets = np.zeros((len(syndromes), self.n_groups), dtype=np.bool_)
        found = np.zeros(len(syndromes), dtype=np.bool_)
        step = max(1, _CHUNK_NUMBERS // self.n_groups)
        for start in range(0, len(syndromes), step):
            part = slice(start, start + step)
            sets[part], found[part] = _decoded(self, syndromes[part])
        return sets, found


@lru_cache(maxsize=32)
def bch_code(n_groups: int, degree: int) -> BchCode:
    """The BCH code with the fewest checks for n groups.

    Where n is a power of 2, zero serves as a locator beside all other elements of the field, told by a
    check of parity (the extended code): so n = 2^m needs m bits an element and not m + 1.

    Args:
        n_groups: n, at most 16,384.
        degree: t, at least 1.

    Raises:
        MaskError: A degree below 1, or too many groups.
    """
    if degree < 1:
        raise MaskError(f"is {degree}", where="masks.degree", instead="write 1 or more")
    if n_groups > MOST_GROUPS:
        raise MaskError(
            f"is {n_groups}",
            where="number of groups",
            instead=f"make at most {MOST_GROUPS} groups, or write masks.scheme: bernoulli",
        )
    degree = min(degree, n_groups)
    bits = max(2, (n_groups - 1).bit_length())
    extended = n_groups == 2**bits
    own = field(bits)
    locators = own.powers[: own.order][: n_groups - extended].copy()
    if extended:
        locators = np.append(locators, 0)
    rows = [_bits(_power(own, locators, exponent), bits) for exponent in range(1, 2 * degree, 2)]
    if extended:
        rows.append(np.ones((1, n_groups), dtype=np.bool_))
    full = np.concatenate(rows)
    kept, expand = _independent(full)
    return BchCode(degree, own, locators, full[kept], expand)


def times_gf2(left: NDArray[np.bool_], right: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The matrix product over GF(2)."""
    # whole numbers below 2^24 are exact in single precision, whose products are fast
    return (left.astype(np.float32) @ right.astype(np.float32)).astype(np.int64) & 1 == 1


def inverse_gf2(matrix: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The inverse over GF(2) of a square matrix; None where it has none."""
    size = len(matrix)
    rows = np.hstack([matrix, np.eye(size, dtype=np.bool_)])
    for column in range(size):
        below = np.flatnonzero(rows[column:, column])
        if not len(below):
            return None
        rows[[column, column + below[0]]] = rows[[column + below[0], column]]
        others = rows[:, column].copy()
        others[column] = False
        rows[others] ^= rows[column]
    return rows[:, size:]


def _power(own: Field, elements: NDArray[np.int64], exponent: int) -> NDArray[np.int64]:
    return np.where(elements == 0, 0, own.powers[own.logs[elements] * exponent % own.order])


def _bits(elements: NDArray[np.int64], bits: int) -> NDArray[np.bool_]:
    """bool[bits, k], the coordinates of elements."""
    return (elements >> np.arange(bits)[:, None]) & 1 == 1


def _independent(rows: NDArray[np.bool_]) -> tuple[list[int], NDArray[np.bool_]]:
    """The first independent rows, and each row as a sum of these, bool[s, r]."""
    kept: list[int] = []
    reduced: list[tuple[int, NDArray[np.bool_], NDArray[np.bool_]]] = []
    sums = np.zeros((len(rows), len(rows)), dtype=np.bool_)
    for place, row in enumerate(rows):
        rest, made_of = row.copy(), np.zeros(len(rows), dtype=np.bool_)
        for pivot, other, parts in reduced:
            if rest[pivot]:
                rest ^= other
                made_of ^= parts
        if rest.any():
            mine = made_of.copy()
            mine[len(kept)] ^= True
            reduced.append((int(rest.argmax()), rest, mine))
            sums[place, len(kept)] = True
            kept.append(place)
        else:
            sums[place] = made_of
    return kept, sums[:, : len(kept)]


def _decoded(code: BchCode, syndromes: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    own, t = code.field, code.degree
    bits = times_gf2(syndromes, code.expand.T)
    sums = np.zeros((len(bits), 2 * t + 1), dtype=np.int64)
    weights = 1 << np.arange(own.bits)
    for exponent in range(1, 2 * t + 1):
        if exponent % 2:
            place = exponent // 2 * own.bits
            sums[:, exponent] = bits[:, place : place + own.bits] @ weights
        else:  # squaring is additive in characteristic 2
            sums[:, exponent] = own.times(sums[:, exponent // 2], sums[:, exponent // 2])
    polynomial, size = _error_locator(own, sums, t)
    short = size <= t
    sets = np.zeros((len(bits), code.n_groups), dtype=np.bool_)
    sets[short] = _roots(code, polynomial[short])
    found = short & (sets.sum(axis=1) == size)
    if bits.shape[1] > t * own.bits:
        odd = bits[:, -1] != (size % 2 == 1)
        zero = np.flatnonzero(code.locators == 0)
        if len(zero):
            sets[:, zero[0]] = odd
            found &= size + odd <= t
        else:
            found &= ~odd
    return sets & found[:, None], found


def _error_locator(
    own: Field, sums: NDArray[np.int64], t: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Berlekamp and Massey's shortest recurrence of many sequences at once; every second step is idle.

    Args:
        own: The field.
        sums: int64[q, 2 t + 1], power sums by exponent.
        t: Largest degree.

    Returns:
        (coefficients int64[q, t + 1], degree int64[q]).
    """
    count = len(sums)
    current = np.zeros((count, t + 1), dtype=np.int64)
    current[:, 0] = 1
    before = np.zeros_like(current)
    before[:, min(1, t)] = 1
    last = np.ones(count, dtype=np.int64)
    size = np.zeros(count, dtype=np.int64)
    for step in range(t):
        delta = np.zeros(count, dtype=np.int64)
        for place in range(min(t, 2 * step) + 1):
            delta ^= own.times(current[:, place], sums[:, 2 * step + 1 - place])
        changed = current ^ own.times(own.over(delta, last)[:, None], before)
        grows = (delta != 0) & (size <= step)
        kept = np.where(grows[:, None], current, before)
        before = np.zeros_like(current)
        before[:, 2:] = kept[:, :-2]
        last = np.where(grows, delta, last)
        size = np.where(grows, 2 * step + 1 - size, size)
        current = changed
    return current, size


def _roots(code: BchCode, polynomial: NDArray[np.int64]) -> NDArray[np.bool_]:
    """bool[q, n]: whether the inverse of each locator is a root."""
    own = code.field
    logs = own.logs[code.locators]
    nonzero = code.locators != 0
    total = np.tile(polynomial[:, [0]], (1, code.n_groups))
    for power in range(1, polynomial.shape[1]):
        shift = np.where(nonzero, -logs * power % own.order, 2 * own.order)
        total ^= own.powers[own.logs[polynomial[:, power]][:, None] + shift]
    return (total == 0) & nonzero
