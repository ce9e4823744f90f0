"""Masks as a random sample of known law: what each row counts, and the weights of a mean discrete derivative.

Under the law P of the masks every mean discrete derivative is a mean of weighted values,

    I(S) = E[D_S f] = E[w_S(m) f(m)],
    w_S(m) = (-1)^|S without m| P(m outside S) / P(m),

whatever f is. For Bernoulli masks w_S is the product over i in S of (m_i - p) / (p (1 - p)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2

from spex_data.masks import MaskDistribution
from spex_data.spectra import Term, products

_FOREIGN = 1e-4
"""Masks as odd as this under their law are taken to be drawn from another."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Different masks, drawn one after the other from a law until there were so many.

    Attributes:
        masks: bool[m, n_groups], no two alike.
        distribution: The law.
        shares: float64[m], what each row counts in a mean under the law; they add up to 1.
        inclusion: float64[m], how likely each of these masks was to be among them.
    """

    masks: NDArray[np.bool_]
    distribution: MaskDistribution
    shares: NDArray[np.float64]
    inclusion: NDArray[np.float64]

    @property
    def factors(self) -> NDArray[np.float64] | None:
        """float64[m, n_groups], whose products are w_S; None where it is no product."""
        p = self.distribution.p
        return (
            np.asarray((self.masks - p) / (p * (1 - p))) if self.distribution.scheme == "bernoulli" else None
        )

    def weights(self, terms: Sequence[Term]) -> NDArray[np.float64]:
        """float64[m, k], w_S of k sets S."""
        factors = self.factors
        if factors is not None:
            return products(factors, terms)
        out = np.empty((len(self.masks), len(terms)))
        sizes = self.masks.sum(axis=1)
        for size in {len(term) for term in terms}:
            places = [place for place, term in enumerate(terms) if len(term) == size]
            members = np.array([terms[place] for place in places], dtype=np.int64).reshape(-1, size)
            inside = self.masks[:, members].sum(axis=2)
            out[:, places] = _stratified_weights(self.distribution.n_groups, size)[sizes[:, None], inside]
        return out

    def energy(self, size: int) -> float:
        """E[w_S^2] under the law, for |S| = size."""
        n, p = self.distribution.n_groups, self.distribution.p
        if self.distribution.scheme == "bernoulli":
            return float((p * (1 - p)) ** -size)
        present, inside = np.meshgrid(np.arange(n + 1), np.arange(size + 1), indexing="ij")
        chance = np.exp(
            _log_comb(size, inside)
            + _log_comb(n - size, present - inside)
            - _log_comb(n, present)
            - np.log(n + 1)
        )
        return float((chance * _stratified_weights(n, size) ** 2).sum())


def sample(masks: NDArray[np.bool_], distribution: MaskDistribution) -> Sample:
    """Different masks as a sample without replacement from their law.

    Draws of a mask that is there already were skipped, so a mask of probability P(m) is among the first M
    different ones with probability of about pi = 1 - exp(-P(m) L), where L makes the expected number M
    (Rosen 1972, "Asymptotic theory for successive sampling"), and counts P(m) / pi in a mean (Horvitz and
    Thompson 1952). With few masks of many that is 1 / M for each; with all masks it is P(m).

    Args:
        masks: bool[m, n_groups].
        distribution: The law.
    """
    count, n = masks.shape
    present = np.arange(n + 1)
    each = _log_probability(distribution, present)
    many = _log_comb(n, present)
    # the largest number that draws can give, up to rounding; at it all masks are there
    total = np.logaddexp.reduce(many)

    def expected(log_draws: float) -> float:
        return float(np.exp(many + np.log(-np.expm1(-np.exp(each + log_draws)))).sum() - count)

    if np.log(count) >= total - 1e-9 * max(total, 1.0):
        inclusion = np.ones(n + 1)
    else:
        low = np.log(count)
        high = low + 1.0
        while expected(high) < 0 and high < low + 700:
            high = low + 2 * (high - low)
        log_draws = brentq(expected, low - 1e-6, high) if expected(high) > 0 else high
        inclusion = -np.expm1(-np.exp(each + log_draws))
    mine = masks.sum(axis=1)
    logs = (each - np.log(inclusion))[mine]
    shares = np.exp(logs - np.logaddexp.reduce(logs))
    return Sample(masks, distribution, shares, inclusion[mine])


def follows(drawn: Sample) -> bool:
    """Whether masks look as if drawn from their law: by each group's share, and how pairs go together.

    A design that is balanced better than chance passes.
    """
    if drawn.distribution.scheme == "bernoulli":
        p = drawn.distribution.p
        factors = (drawn.masks - p) / np.sqrt(p * (1 - p))
    else:
        factors = 2.0 * drawn.masks - 1.0
    n = factors.shape[1]
    effective = 1.0 / float((drawn.shares**2).sum())
    singles = float(((drawn.shares @ factors) ** 2).sum()) * effective
    if drawn.distribution.scheme != "bernoulli":
        # the groups are exchangeable and go together, so what is tested is that they are alike
        centred = drawn.shares @ (factors - factors.mean(axis=1, keepdims=True))
        singles = float((centred**2).sum()) * effective * 1.5
        return bool(chi2.sf(singles, n - 1) > _FOREIGN)
    gram = (factors * drawn.shares[:, None]).T @ factors
    pairs = float((gram[np.triu_indices(n, 1)] ** 2).sum()) * effective
    return bool(chi2.sf(singles, n) > _FOREIGN and (n < 2 or chi2.sf(pairs, n * (n - 1) / 2) > _FOREIGN))


def _log_probability(distribution: MaskDistribution, present: NDArray[np.int64]) -> NDArray[np.float64]:
    n, p = distribution.n_groups, distribution.p
    if distribution.scheme == "bernoulli":
        return np.asarray(present * np.log(p) + (n - present) * np.log1p(-p))
    return -np.log(n + 1) - _log_comb(n, present)


def _stratified_weights(n: int, size: int) -> NDArray[np.float64]:
    """float64[n + 1, size + 1]: w_S of a mask of so many groups, so many of them in S.

    Without |S| of its groups a stratified mask is a stratified mask of the others, so w_S is
    (-1)^(|S| - c) (n + 1) C(n, k) / ((n - |S| + 1) C(n - |S|, k - c)).
    """
    present, inside = np.meshgrid(np.arange(n + 1), np.arange(size + 1), indexing="ij")
    rest = present - inside
    possible = (rest >= 0) & (rest <= n - size)
    rest = np.clip(rest, 0, n - size)
    logs = np.log(n + 1) + _log_comb(n, present) - np.log(n - size + 1) - _log_comb(n - size, rest)
    return np.where(possible, (-1.0) ** (size - inside) * np.exp(logs), 0.0)


def _log_comb(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    """log C(n, k); -inf where it is 0."""
    table = np.array([lgamma(i + 1.0) for i in range(n + 1)])
    inside = np.clip(k, 0, n)
    return np.where(inside == k, table[n] - table[inside] - table[n - inside], -np.inf)
