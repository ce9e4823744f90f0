"""Whether it is true: sets of groups chosen for retraining, and judged by what comes back.

Pure: it designs masks and judges values, and trains nothing.
"""

from spex_data.verification.derivatives import background_likelihood, full_derivatives, round_derivatives
from spex_data.verification.design import LEAST_ROUNDS, VerificationDesign, design_verification
from spex_data.verification.hypotheses import LARGEST, Hypothesis, claimed, free_pairs, null_hypotheses
from spex_data.verification.judge import Measurement, Verdict, Verification, judge
from spex_data.verification.multiplicity import by_adjusted, by_level

__all__ = [
    "LARGEST",
    "LEAST_ROUNDS",
    "Hypothesis",
    "Measurement",
    "Verdict",
    "Verification",
    "VerificationDesign",
    "background_likelihood",
    "by_adjusted",
    "by_level",
    "claimed",
    "design_verification",
    "free_pairs",
    "full_derivatives",
    "judge",
    "null_hypotheses",
    "round_derivatives",
]
