"""What a method is expected to cost, from the sizes alone."""

from __future__ import annotations

from math import comb

from spex_data.decoding.matching_pursuit import skewed
from spex_data.decoding.problem import Problem


def estimated_seconds(name: str, problem: Problem) -> float:
    """CPU seconds on one core of a common server, within a factor of about three.

    Args:
        name: Of the method.
        problem: All targets together.
    """
    m, n = problem.masks.shape
    seconds = {
        "linear": 1e-9 * m * n * n,
        "fast": 0.02,
        "walsh-gp": 0.05 + 20 * 2e-10 * min(m, 300) ** 3 + 6e-10 * min(m, 4000) ** 3,
        "surrogate-gp": 0.1 + 60 * 2e-10 * min(m, 300) ** 3 + 3e-9 * min(m, 4000) ** 3,
        "warped-gp": 0.1 + 20 * 2e-10 * min(m, 300) ** 3 + 6e-10 * min(m, 4000) ** 3 + 3.0 * (n > 16),
        "lasso": 0.5 + 2e-6 * min(comb(n, 2), 4000) * min(m, 4000),
        "spike-slab": (2 if skewed(problem.distribution.p) else 1)
        * (0.5 + 2e-8 * m * n * n + 2e-5 * m * min(n, 300)),
        "proxyspex": 0.1 + 1e-6 * m * n,
    }[name]
    return seconds * problem.n_targets
