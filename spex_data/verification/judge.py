"""What retraining says of each hypothesis: an estimate with an interval, and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from spex_data.spectra import FourierExpansion, Term
from spex_data.verification.derivatives import full_corners, full_derivatives, round_derivatives
from spex_data.verification.design import VerificationDesign
from spex_data.verification.hypotheses import Hypothesis
from spex_data.verification.multiplicity import by_adjusted, by_level

Verdict = Literal["confirmed", "refuted", "uncertain"]
_ROUNDING = 1e-9
"""Share of the values' size below which a derivative is rounding."""


@dataclass(frozen=True)
class Measurement:
    """A mean over rounds.

    Attributes:
        value: In units of the values; None where nothing was measured.
        error: Its standard error; None with fewer than two rounds.
        n_rounds: Rounds with a value.
    """

    value: float | None
    error: float | None
    n_rounds: int

    def interval(self, level: float) -> tuple[float, float] | None:
        """Student's interval that misses at that rate; None where the error is unknown."""
        if self.value is None or self.error is None:
            return None
        half = -float(stdtrit(self.n_rounds - 1, level / 2)) * self.error
        return self.value - half, self.value + half

    def p_beyond(self, border: float = 0.0) -> float:
        """One-sided p-value of a mean that is at most `border`; NaN where the error is unknown."""
        if self.value is None or self.error is None:
            return np.nan
        distance = self.value - border
        if self.error == 0:
            return 0.5 if distance == 0 else float(distance < 0)
        return float(stdtr(self.n_rounds - 1, -distance / self.error))


@dataclass(frozen=True)
class Verification:
    """What retraining said of a hypothesis.

    Attributes:
        hypothesis: What was predicted.
        observed: Mean discrete derivative under the study's masks, as retrained.
        raw: The plain mean over the rounds of what was measured.
        ci: Interval of `observed`, after control over all hypotheses of its role; None where unknown.
        p: Two-sided, of no effect; None where unknown.
        q: `p` after control.
        margin: Mean effects within +- this were stated before to be as good as none.
        q_equivalent: Of lying outside the margin, after control.
        verdict: Of a claim: "confirmed", "refuted" or "uncertain". Of a control, which should not act:
            "confirmed" if it was found to act, else "uncertain".
        why: The verdict's reason, in words.
        full: The discrete derivative with all other groups present, as retrained; value None if it was not.
        filtered: The same under ordinary training of the filtered data.
        scales: Sign-carrying mean on other scales, by the scale's name.
        scale_dependent: Whether a sign told from 0 changes between scales; None where none was measured.
        corners: The value where everything is trained on but these groups, as retrained; empty if it was not.
        changes: The same less what everything gave with the same seed: what dropping these groups does.
    """

    hypothesis: Hypothesis
    observed: Measurement
    raw: float | None
    ci: tuple[float, float] | None
    p: float | None
    q: float | None
    margin: float
    q_equivalent: float | None
    verdict: Verdict
    why: str
    full: Measurement
    filtered: Measurement
    scales: dict[str, Measurement]
    scale_dependent: bool | None
    corners: dict[Term, float]
    changes: dict[Term, Measurement]


def judge(
    design: VerificationDesign,
    values: NDArray[np.float64],
    hypotheses: Sequence[Hypothesis],
    *,
    expansion: FourierExpansion | None = None,
    level: float = 0.1,
    margin: float = 0.25,
    filtered: tuple[VerificationDesign, NDArray[np.float64]] | None = None,
    scales: dict[str, NDArray[np.float64]] | None = None,
) -> list[Verification]:
    """The verdicts on hypotheses, from the values of a design.

    With an expansion, each round's derivative is taken less what the expansion predicts of that very round,
    and the predicted mean is added again: the difference estimator (Cochran 1977, section 7.2; Angelopoulos
    et al. 2023). It has no bias, whatever the expansion says, for backgrounds are fresh; and it varies less
    where the expansion foresees which backgrounds matter.

    Confirmed: the interval excludes 0 on the side predicted. Refuted: it excludes 0 on the other side, or the
    mean is inside `margin` times the prediction by two one-sided tests (Schuirmann 1987). Claims are
    controlled together, and controls together, each at `level` (see `by_adjusted`).

    Args:
        design: What was measured.
        values: float64[len(design), t], in the order of `design.rows()`; NaN where a fine-tune failed.
        hypotheses: What to judge, sets within the design's faces.
        expansion: Of t targets, independent of these values.
        level: False discovery rate.
        margin: Share of the prediction within which an effect is as good as none.
        filtered: A design of full rounds that were trained in the filtered schedule, and its values.
        scales: Values of the same fine-tunes on other scales.

    Returns:
        One for each hypothesis.
    """
    foreseen = None
    if expansion is not None:
        told = expansion.evaluate(design.rows()[0]).reshape(len(values), -1)
        foreseen = _Foreseen(expansion, told, {})
    found = [_measured(design, values, one, foreseen) for one in hypotheses]
    p = np.array([2 * min(one.p_beyond(), 1 - one.p_beyond()) for one, _ in found])
    margins = [margin * abs(one.predicted) for one in hypotheses]
    outside = np.array([_p_outside(one, width) for (one, _), width in zip(found, margins, strict=True)])
    q, q_equivalent, levels = np.full(len(p), np.nan), np.full(len(p), np.nan), np.full(len(p), level)
    for is_claim in (True, False):
        rows = np.array([(one.role == "claim") == is_claim for one in hypotheses], dtype=np.bool_)
        q[rows], levels[rows] = by_adjusted(p[rows]), by_level(p[rows], level)
        if is_claim:
            q_equivalent[rows] = by_adjusted(outside[rows])
    judged = []
    for row, (one, (mean, raw)) in enumerate(zip(hypotheses, found, strict=True)):
        verdict, why = _verdict(one, mean, q[row], q_equivalent[row], level, margins[row])
        others = {name: _measured(design, table, one, None)[0] for name, table in (scales or {}).items()}
        left = {
            absent: rounds[:, one.target]
            for absent, rounds in full_corners(design, values, one.members).items()
        }
        judged.append(
            Verification(
                hypothesis=one,
                observed=mean,
                raw=raw,
                ci=mean.interval(levels[row]),
                p=_known(p[row]),
                q=_known(q[row]),
                margin=margins[row],
                q_equivalent=_known(q_equivalent[row]),
                verdict=verdict,
                why=why,
                full=_at_the_full_set(design, values, one),
                filtered=_at_the_full_set(*filtered, one) if filtered else Measurement(None, None, 0),
                scales=others,
                scale_dependent=_depends_on_scale(mean, others, level),
                corners={absent: float(rounds.mean()) for absent, rounds in left.items()},
                changes={absent: _mean(rounds - left[()]) for absent, rounds in left.items() if absent},
            )
        )
    return judged


@dataclass(frozen=True)
class _Foreseen:
    """What an expansion says of a design's masks, float64[rows, t], and the means found so far, by set."""

    expansion: FourierExpansion
    values: NDArray[np.float64]
    means: dict[Term, NDArray[np.float64]]

    def mean(self, design: VerificationDesign, one: Hypothesis) -> float:
        """Its mean discrete derivative under the study's masks; a phantom does nothing."""
        if one.members[-1] >= design.n_groups:
            return 0.0
        if one.members not in self.means:
            moment = design.distribution.parity_moment
            self.means[one.members] = np.atleast_1d(self.expansion.discrete_derivative(one.members, moment))
        return float(self.means[one.members][one.target])


def _measured(
    design: VerificationDesign, values: NDArray[np.float64], one: Hypothesis, foreseen: _Foreseen | None
) -> tuple[Measurement, float | None]:
    """The mean, by the difference estimator where there is an expansion, and the plain mean."""
    target = slice(one.target, one.target + 1)
    rounds = round_derivatives(design, values[:, target], one.members)[:, 0]
    size = float(np.nanmax(np.abs(values[:, one.target]), initial=0.0))
    plain = _mean(np.where(np.abs(rounds) <= _ROUNDING * size, 0.0, rounds))
    if foreseen is None:
        return plain, plain.value
    told = round_derivatives(design, foreseen.values[:, target], one.members)[:, 0]
    differences = rounds - told + foreseen.mean(design, one)
    return _mean(np.where(np.abs(differences) <= _ROUNDING * size, 0.0, differences)), plain.value


def _at_the_full_set(design: VerificationDesign, values: NDArray[np.float64], one: Hypothesis) -> Measurement:
    return _mean(full_derivatives(design, values, one.members)[:, one.target])


def _mean(rounds: NDArray[np.float64]) -> Measurement:
    known = rounds[~np.isnan(rounds)]
    if not len(known):
        return Measurement(None, None, 0)
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else None
    return Measurement(float(known.mean()), error, len(known))


def _p_outside(mean: Measurement, margin: float) -> float:
    """Two one-sided tests: the larger p-value of the mean lying beyond either end of +-margin."""
    return max(1 - mean.p_beyond(margin), mean.p_beyond(-margin)) if margin > 0 else np.nan


def _verdict(
    one: Hypothesis, mean: Measurement, q: float, q_equivalent: float, level: float, margin: float
) -> tuple[Verdict, str]:
    if mean.value is None or mean.error is None:
        return "uncertain", "too few of its fine-tunes have a value"
    if one.role != "claim":
        acts = q <= level
        return (
            ("confirmed", "acts, and was not expected to") if acts else ("uncertain", "not told from nothing")
        )
    if q_equivalent <= level:
        return "refuted", f"within {margin:.3g} of nothing, as good as none"
    if q > level:
        return "uncertain", "the interval holds 0"
    if one.predicted == 0:
        return "refuted", "it acts, and was predicted to do nothing"
    if mean.value * one.predicted > 0:
        return "confirmed", "the sign predicted, and the interval excludes 0"
    return "refuted", "the opposite sign, and the interval excludes 0"


def _depends_on_scale(mean: Measurement, others: dict[str, Measurement], level: float) -> bool | None:
    """Whether two scales on which the mean is told from 0 disagree about its sign."""
    known = [one for one in (mean, *others.values()) if one.interval(level) is not None]
    if not others or not known:
        return None
    tell: Callable[[Measurement], float] = lambda one: (  # noqa: E731
        np.sign(one.value or 0.0) if _excludes_zero(one.interval(level)) else 0.0
    )
    return len({tell(one) for one in known} - {0.0}) > 1


def _excludes_zero(ci: tuple[float, float] | None) -> bool:
    return ci is not None and (ci[0] > 0 or ci[1] < 0)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
