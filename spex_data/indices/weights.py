"""Interaction indices as weights of Moebius and of Fourier terms.

Every index here is linear in f and treats groups alike, so it is a sum over supersets,

    I(S) = sum over T containing S of w(|S|, |T|) mu(T) = sum over T containing S of v(|S|, |T|) F(T),

and since a Fourier term chi_T has mu(R) = (-2)^|R| for every R within T,

    v(s, t) = sum over r = s..t of C(t - s, r - s) (-2)^r w(s, r).

The weights are fractions until the last step: v is an alternating sum whose terms grow like 3^t.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import comb
from typing import Literal, get_args

IndexKind = Literal["fourier", "moebius", "sv", "bv", "sii", "bii", "stii", "fsii", "fbii", "k-sii"]
KINDS: tuple[str, ...] = get_args(IndexKind)

MoebiusWeight = Callable[[int, int, int], Fraction]
"""w(s, t) of an index of order k, as a function of (s, t, k), for s <= t."""


def _fourier(s: int, t: int, _k: int) -> Fraction:
    return Fraction((-1) ** s, 2**t)


def _moebius(s: int, t: int, _k: int) -> Fraction:
    return Fraction(s == t)


def _sii(s: int, t: int, _k: int) -> Fraction:
    return Fraction(1, t - s + 1)


def _bii(s: int, t: int, _k: int) -> Fraction:
    return Fraction(1, 2 ** (t - s))


def _stii(s: int, t: int, k: int) -> Fraction:
    return Fraction(1, comb(t, k)) if s == k else Fraction(s == t)


def _fsii(s: int, t: int, k: int) -> Fraction:
    if t <= k:
        return Fraction(s == t)
    sign = (-1) ** (k - s)
    return sign * Fraction(s * comb(k, s) * comb(t - 1, k), (k + s) * comb(t + k - 1, k + s))


def _fbii(s: int, t: int, k: int) -> Fraction:
    if t <= k:
        return Fraction(s == t)
    return (-1) ** (k - s) * Fraction(comb(t - s - 1, k - s), 2 ** (t - s))


def _k_sii(s: int, t: int, k: int) -> Fraction:
    if s == 0:
        return Fraction(t == 0)
    return sum(
        (_bernoulli(r) * comb(t - s, r) * _sii(s + r, t, k) for r in range(min(k, t) - s + 1)), Fraction(0)
    )


_MOEBIUS_WEIGHTS: dict[str, MoebiusWeight] = {
    "fourier": _fourier,
    "moebius": _moebius,
    "sv": _sii,
    "bv": _bii,
    "sii": _sii,
    "bii": _bii,
    "stii": _stii,
    "fsii": _fsii,
    "fbii": _fbii,
    "k-sii": _k_sii,
}


def moebius_weight(kind: str, s: int, t: int, max_order: int) -> Fraction:
    """w(s, t) of an index.

    Args:
        kind: One of KINDS.
        s: Size of the set S.
        t: Size of a set T that contains it.
        max_order: The index's order k, which stii, fsii, fbii and k-sii depend on.
    """
    return _MOEBIUS_WEIGHTS[kind](s, t, max_order)


@cache
def fourier_weight(kind: str, s: int, t: int, max_order: int) -> Fraction:
    """v(s, t) of an index; the arguments are those of `moebius_weight`."""
    return sum(
        (comb(t - s, r - s) * (-2) ** r * moebius_weight(kind, s, r, max_order) for r in range(s, t + 1)),
        Fraction(0),
    )


@cache
def _bernoulli(r: int) -> Fraction:
    """The r-th Bernoulli number, B_1 = -1/2."""
    if r == 0:
        return Fraction(1)
    return -sum((comb(r + 1, j) * _bernoulli(j) for j in range(r)), Fraction(0)) / (r + 1)
