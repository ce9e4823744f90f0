"""What one method makes of one case, judged against the truth."""

from __future__ import annotations

import os
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from decoding_games import Case
from decoding_peers import Peer

from spex_data.decoding import Decoded, Interaction, decoder
from spex_data.faithfulness import r2, spearman
from spex_data.spectra import FourierExpansion, Term

TOP = 10
FDR = 0.1


@dataclass(frozen=True)
class Outcome:
    """What one method made of one case; None where it does not apply.

    Attributes:
        pair_error: Squared error of the pairs' coefficients over their sum of squares.
        recall: Share of the exact 10 largest pairs (fewer if there are fewer) among its own.
        f1: Of the interactions of order 2 and 3 that are reported at a false discovery rate of 10%, against
            the planted ones; of peers' that are not 0.
        false_share: Share of those reported that were not planted; 0 if none was reported.
        covered, covered_reported: Share of planted, and of reported, interactions within their interval.
        width, width_reported: Median width of these intervals.
        unknown: Share of planted interactions that masks say nothing of; they are left out of `covered`.
        cpu: Seconds, children included.
    """

    case: str
    family: str
    setting: str
    method: str
    r2: float
    spearman: float
    pair_error: float
    recall: float
    f1: float | None
    covered: float | None
    covered_reported: float | None
    width: float | None
    width_reported: float | None
    false_share: float | None
    unknown: float | None
    cpu: float
    failure: str | None


def outcome(case: Case, method: str, peer: Peer | None) -> Outcome:
    """Decodes and judges."""
    found: Decoded | None = None
    failure = None
    before = cpu_seconds()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if peer is None:
                answer = decoder(method).decode(case.masks, case.values, design=case.distribution)
                found, expansion = answer, answer.expansion
            else:
                expansion = peer(case.masks, case.values)
    except Exception as error:  # what a peer raises is its own affair
        failure = f"{type(error).__name__}: {error}"[:100]
        expansion = FourierExpansion(case.masks.shape[1], ((),), np.array([case.values.mean()]))
    cpu = cpu_seconds() - before
    guess = expansion.evaluate(case.heldout)
    before = cpu_seconds()
    rate = FDR if case.truth is not None else None
    listed = [each for each in found.interactions(3, fdr=rate) if each.order > 1] if found else None
    cpu += cpu_seconds() - before
    ranked = ranked_pairs(listed, expansion)
    coefficients = {pair: float(expansion.coefficient(pair)) for pair in case.pairs}
    energy = sum(value**2 for value in case.pairs.values())
    error = sum((coefficients[pair] - value) ** 2 for pair, value in case.pairs.items())
    largest = sorted(case.pairs, key=lambda pair: -abs(case.pairs[pair]))[:TOP]
    judged = judged_list(case, found, listed, expansion)
    return Outcome(
        case.name,
        case.family,
        case.setting,
        method,
        r2(case.answers, guess),
        spearman(case.answers, guess) or 0.0,  # None where the guess is constant
        error / max(energy, 1e-300),
        len(set(largest) & set(ranked[:TOP])) / max(len(largest), 1),
        judged.f1,
        judged.covered,
        judged.covered_reported,
        judged.width,
        judged.width_reported,
        judged.false_share,
        judged.unknown,
        cpu,
        failure,
    )


def ranked_pairs(listed: Sequence[Interaction] | None, expansion: FourierExpansion) -> list[Term]:
    """Pairs as a method ranks them: in its list if it gives one, else by their coefficients."""
    if listed is not None:
        return [each.members for each in listed if each.order == 2]
    pairs = [
        (abs(value), term)
        for term, value in zip(expansion.terms, expansion.coefficients, strict=True)
        if len(term) == 2
    ]
    return [term for _, term in sorted(pairs, reverse=True)]


@dataclass(frozen=True)
class JudgedList:
    """What is said of a planted game's interactions; fields as in Outcome."""

    f1: float | None = None
    covered: float | None = None
    covered_reported: float | None = None
    width: float | None = None
    width_reported: float | None = None
    false_share: float | None = None
    unknown: float | None = None


def judged_list(
    case: Case, found: Decoded | None, listed: Sequence[Interaction] | None, expansion: FourierExpansion
) -> JudgedList:
    if case.truth is None:
        return JudgedList()
    moment = case.distribution.parity_moment
    true = {
        term: float(value)
        for term, value in case.truth.discrete_derivatives(moment, max_order=3).items()
        if len(term) > 1 and abs(float(value)) > 1e-9
    }
    if found is None or listed is None:
        own = {
            term
            for term, value in zip(expansion.terms, expansion.coefficients, strict=True)
            if len(term) > 1 and value
        }
        return JudgedList(f1(own, set(true)), false_share=len(own - set(true)) / max(len(own), 1))
    # without noise intervals are as wide as rounding
    slack = 1e-6 * max(map(abs, true.values()), default=0.0)

    def inside(ci: tuple[float, float], value: float) -> bool:
        return ci[0] - slack <= value <= ci[1] + slack

    planted_ones = {term: found.estimate(term).ci for term in true}
    known = {term: ci for term, ci in planted_ones.items() if ci is not None}
    reported = {each.members: each.ci for each in listed if each.reported}
    return JudgedList(
        f1(set(reported), set(true)),
        mean_of([inside(ci, true[term]) for term, ci in known.items()]),
        mean_of([inside(ci, true.get(term, 0.0)) for term, ci in reported.items() if ci is not None]),
        median_of([high - low for low, high in known.values()]),
        median_of([ci[1] - ci[0] for ci in reported.values() if ci is not None]),
        len(set(reported) - set(true)) / max(len(reported), 1),
        1 - len(known) / max(len(true), 1),
    )


def mean_of(values: Sequence[float]) -> float | None:
    return statistics.mean(values) if values else None


def median_of(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def f1(found: set[Term], true: set[Term]) -> float:
    return 2 * len(found & true) / max(len(found) + len(true), 1)


def cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
